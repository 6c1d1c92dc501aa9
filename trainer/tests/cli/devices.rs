//! `recode-trainer devices`, and `--device` on the commands that compute.

use serde_json::Value;

use crate::{program, recode, recode_with, text_of, tiny};

#[test]
fn adapters_are_listed_and_the_automatic_choice_is_explained() {
    let table = recode(&["devices"]);
    assert_eq!(table.code, Some(0), "{}", table.stderr);
    assert!(table.stdout.contains("gpu:0 ") && table.stdout.contains("--device auto takes "));
    assert_eq!(table.stderr, "");
    let report: Value = serde_json::from_str(&recode(&["devices", "--json"]).stdout).unwrap();
    let first = &report["adapters"][0];
    assert!(
        first["limits"]["buffer_bytes"].as_u64() > Some(0),
        "{report}"
    );
    // A software adapter is never taken by itself.
    let only_software = report["adapters"]
        .as_array()
        .unwrap()
        .iter()
        .all(|adapter| adapter["kind"] == "software");
    assert_eq!(report["auto"].is_null(), only_software);
}

#[test]
fn a_device_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    tiny::write_model(&model, 1, &[]);
    let model = text_of(&model);
    let outcome = |device| recode(&["generate", "--model", &model, "--device", device, "a"]);
    let far = outcome("gpu:99");
    assert_eq!(far.code, Some(1));
    assert!(
        far.stderr.contains("there is no adapter 99: "),
        "{}",
        far.stderr
    );
    let wrong = outcome("tpu");
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("use auto, cpu, gpu, or gpu:N"),
        "{}",
        wrong.stderr
    );
}

/// Vulkan's loader is told of no driver.
#[cfg(target_os = "linux")]
#[test]
fn without_any_adapter_a_gpu_is_refused_and_auto_takes_the_processor() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    tiny::write_model(&model, 1, &[]);
    let model = text_of(&model);
    let without = |args: &[&str]| {
        let mut program = program();
        program.args(args);
        for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
            program.env(name, dir.path().join("none.json"));
        }
        let output = program.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let generate = |device| without(&["generate", "--model", &model, "--device", device, "a"]);
    let (code, answer, said) = generate("gpu");
    assert_eq!((code, answer.as_str()), (Some(1), ""), "{said}");
    for part in ["no adapter was found", "mesa-vulkan-drivers", "use the CPU"] {
        assert!(said.contains(part), "{said}");
    }
    let [auto, cpu] = ["auto", "cpu"].map(|device| {
        let (code, answer, _) = generate(device);
        (code, answer)
    });
    assert_eq!(auto.0, Some(0));
    assert_eq!(auto, cpu);
    let (code, table, said) = without(&["devices"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(table.contains("--device auto takes cpu"), "{table}");
}

#[test]
fn log_probabilities_on_a_gpu_are_those_of_the_processor() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    tiny::write_model(&model, 1, &[]);
    let model = text_of(&model);
    let line = b"{\"prompt\": \"value =\", \"completion\": \" f(x)\"}\n";
    let logprobs = |device| {
        let outcome = recode_with(
            &["logprobs", "--model", &model, "--device", device, "-"],
            line,
        );
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let line: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let numbers = line["logprobs"].as_array().unwrap().clone();
        numbers
            .iter()
            .map(|x| x.as_f64().unwrap())
            .collect::<Vec<_>>()
    };
    let (cpu, gpu) = (logprobs("cpu"), logprobs("gpu"));
    assert!(!cpu.is_empty() && cpu.len() == gpu.len());
    for (a, b) in cpu.iter().zip(&gpu) {
        assert!((a - b).abs() < 1e-4, "{cpu:?} {gpu:?}");
    }
}

/// As far as rounding lets it: an answer is another one from the first number on that is drawn at the border of two tokens. Where all answers of a
/// step are the same, so are its numbers.
#[test]
fn a_run_of_the_demos_policy_on_a_gpu_follows_the_processors() {
    let dir = tempfile::tempdir().unwrap();
    let run = |device: &str| {
        let output = program()
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/demo"))
            .args(["train", "--config", "demo.toml", "--device", device])
            .args(["--set", &format!("name={device}")])
            .args(["--set", &format!("output_dir={}", text_of(dir.path()))])
            .args(["--set", "run.max_steps=3", "--set", "run.eval=false"])
            .args(["--set", "rollout.prompts_per_step=2"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        ["metrics.jsonl", "completions.jsonl"].map(|file| {
            let text = std::fs::read_to_string(dir.path().join(device).join(file)).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            lines.collect::<Vec<Value>>()
        })
    };
    let ([on_cpu, answers_on_cpu], [on_gpu, answers_on_gpu]) = (run("cpu"), run("gpu"));
    assert_eq!((on_cpu.len(), on_gpu.len()), (3, 3));
    let pairs = answers_on_cpu.iter().zip(&answers_on_gpu);
    let same: Vec<bool> = pairs
        .map(|(a, b)| a["completion"] == b["completion"])
        .collect();
    assert_eq!(same.len(), 3 * 16);
    let mut alike = 0;
    for (step, same) in same.chunks(16).enumerate() {
        if same.contains(&false) {
            continue;
        }
        alike += 1;
        assert_eq!(on_cpu[step]["reward"], on_gpu[step]["reward"], "{step}");
        for name in ["entropy", "grad_norm", "reward_std"] {
            let of = |metrics: &[Value]| metrics[step][name].as_f64().unwrap();
            let (a, b) = (of(&on_cpu), of(&on_gpu));
            assert!((a - b).abs() <= 1e-3 * a.abs(), "{step} {name}: {a} {b}");
        }
    }
    // Of the policy before its first update that moves it there are two steps.
    assert!(alike >= 1, "{same:?}");
    assert!(same.iter().filter(|same| **same).count() >= 40, "{same:?}");
}
