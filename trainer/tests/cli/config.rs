//! What the program says to a wrong configuration, before it looks at any model.

use super::{recode, text_of, write};

const SMALLEST: &str =
    "name = \"a\"\n[model]\npath = \"no/model\"\n[data]\ntrain = \"no/data.jsonl\"\n";

fn complaint(lines: &str, set: &[&str]) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = write(&dir, "run.toml", format!("{SMALLEST}{lines}"));
    let output_dir = format!("output_dir={}", text_of(&dir.path().join("runs")));
    let mut args = vec!["train", "--config", &file, "--set", &output_dir];
    args.extend(set.iter().flat_map(|set| ["--set", set]));
    let outcome = recode(&args);
    assert_eq!(outcome.stdout, "");
    assert!(!dir.path().join("runs").exists(), "nothing is half-written");
    (outcome.code, outcome.stderr.replace(&file, "run.toml"))
}

#[test]
fn an_unknown_key_is_wrong_usage_and_names_the_nearest() {
    let file = "recode-trainer: run.toml:7: there is no key loss.clip_ratio_hi; did you mean loss.clip_ratio_high?\n";
    assert_eq!(
        complaint("[loss]\nclip_ratio_hi = 0.3\n", &[]),
        (Some(2), file.to_owned())
    );
    let set = "recode-trainer: --set rollout.temprature=1: there is no key rollout.temprature; did you mean rollout.temperature?\n";
    assert_eq!(
        complaint("", &["rollout.temprature=1"]),
        (Some(2), set.to_owned())
    );
}

#[test]
fn a_value_out_of_range_is_wrong_usage_and_names_the_range() {
    let message =
        "recode-trainer: run.toml:7: rollout.num_generations = 1 is not permitted: 2 to 65535\n";
    assert_eq!(
        complaint("[rollout]\nnum_generations = 1\n", &[]),
        (Some(2), message.to_owned())
    );
}

#[test]
fn a_missing_model_is_a_failed_run_and_named() {
    let (code, message) = complaint("", &[]);
    assert_eq!(code, Some(1));
    assert!(message.contains("no/model"), "{message}");
}

#[test]
fn a_missing_configuration_is_named() {
    let outcome = recode(&["train", "--config", "no/run.toml"]);
    let message = "recode-trainer: cannot read the configuration no/run.toml: No such file or directory (os error 2)\n";
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), message));
}

#[test]
fn help_explains_every_key() {
    let help = recode(&["train", "--help"]).stdout;
    for key in recode_trainer::config::keys() {
        let leaf = key.name.rsplit('.').next().unwrap();
        assert!(
            help.contains(&format!("  {leaf} = ")),
            "{} is missing",
            key.name
        );
    }
}
