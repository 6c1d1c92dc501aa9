//! Whole runs in this process on a GPU: begun as on the processor, resumed there, and in memory that does not grow.
#![cfg(feature = "gpu")]

mod tiny;
mod toy;

use std::fs;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use recode_core::migration::Migration;
use recode_kernels::{Device, Tensor};
use recode_trainer::config::OptimizerConfig;
use recode_trainer::examples::Examples;
use recode_trainer::inputs::Inputs;
use recode_trainer::interrupt::Interrupt;
use recode_trainer::model_dir::Outline;
use recode_trainer::optimizer::Optimizer;
use recode_trainer::plan::Plan;
use recode_trainer::run_dir::RunDir;
use recode_trainer::train::Run;
use serde_json::Value;
use toy::{Toy, adapter, lines, metrics};

/// The first step's answers are drawn from the same model by the same numbers, so that their rewards are the same, and what is computed from
/// them is but for rounding; from the first update on a drawn token may be another one.
#[test]
fn a_run_on_a_gpu_begins_as_on_the_processor_and_goes_on_there() {
    let toy = Toy::new();
    let set = [
        "run.max_steps=3",
        "run.save_steps=1",
        "rollout.prompts_per_step=2",
        "adapter.lora_dropout=0.1",
    ];
    let gpu = pollster::block_on(recode_kernels::gpu::Gpu::open(0)).unwrap();
    let run = |name: &str, device: &Device| {
        let config = toy.config(name, &set);
        let dir = RunDir::create(&config).unwrap();
        toy::train_on(device, &config, dir, &toy::letters, &Interrupt::default()).unwrap()
    };
    let (cpu, gpu) = (
        run("on-cpu", &Device::Cpu),
        run("on-gpu", &Device::Gpu(gpu)),
    );
    let (on_cpu, on_gpu) = (metrics(&cpu), metrics(&gpu));
    assert_eq!(on_cpu[0]["reward"], on_gpu[0]["reward"]);
    for name in ["entropy", "grad_norm", "reward_std"] {
        let of = |metrics: &[Value]| metrics[0][name].as_f64().unwrap();
        let (a, b) = (of(&on_cpu), of(&on_gpu));
        assert!(a > 0.0 && (a - b).abs() <= 1e-3 * a, "{name}: {a} {b}");
    }
    let (a, b) = (adapter(&cpu), adapter(&gpu));
    assert!(a.len() == b.len() && b.iter().all(|x| x.is_finite()));

    // Its last checkpoint gone, it goes on from the one before, on the processor.
    fs::remove_dir_all(gpu.join("checkpoints/step-000003")).unwrap();
    toy.resume("on-gpu", &set).unwrap();
    assert_eq!(metrics(&gpu).len(), 3);
    assert_eq!(metrics(&gpu)[..2], on_gpu[..2]);
}

/// For all log-probabilities, from which the processor forms the loss, and for the gradients' norm, in each of its optimizer steps.
#[test]
fn a_step_on_a_gpu_waits_twice_once_its_answers_are_there() {
    let toy = Toy::new();
    let gpu = pollster::block_on(recode_kernels::gpu::Gpu::open(0)).unwrap();
    for (set, expected) in [
        (["loss.beta=0", "adapter.lora_dropout=0"], 2),
        (["loss.beta=0.01", "adapter.lora_dropout=0.1"], 2),
        (["loss.beta=0.01", "loss.num_iterations=2"], 4),
    ] {
        let config = toy.config("reads", &[&["run.max_steps=5"], &set[..]].concat());
        let answered = AtomicU64::new(0);
        let reward = |migration: &Migration, completion: &str, tokens: usize| {
            answered.store(gpu.reads(), Ordering::Relaxed);
            toy::letters(migration, completion, tokens)
        };
        let run = Run {
            inputs: &Inputs::read(&config, &Device::Gpu(Arc::clone(&gpu))).unwrap(),
            config: &config,
            reward: &reward,
            interrupt: &Interrupt::default(),
        };
        let mut reads = Vec::new();
        run.rehearse(|_| {
            reads.push(gpu.reads() - answered.load(Ordering::Relaxed));
            match reads.len() > 4 {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })
        .unwrap();
        // But for what is before the first step, and for the first update, which looks whether the adapter moves.
        assert_eq!(reads[2..], [expected; 3], "{set:?}: {reads:?}");
    }
}

#[test]
fn a_run_whose_gpu_is_lost_goes_on_from_its_last_checkpoint() {
    let toy = Toy::new();
    let set = ["run.max_steps=4", "run.save_steps=1"];
    let config = toy.config("lost", &set);
    let gpu = pollster::block_on(recode_kernels::gpu::Gpu::open(0)).unwrap();
    let (device, scored) = (Device::Gpu(Arc::clone(&gpu)), AtomicUsize::new(0));
    let reward = |migration: &Migration, completion: &str, tokens: usize| {
        // In the middle of the third step.
        if scored.fetch_add(1, Ordering::Relaxed) == 2 * config.rollout.num_generations {
            gpu.destroy().unwrap();
        }
        toy::letters(migration, completion, tokens)
    };
    let dir = RunDir::create(&config).unwrap();
    let lost = toy::train_on(&device, &config, dir, &reward, &Interrupt::default());
    let error = format!("{:#}", lost.unwrap_err());
    assert!(error.contains("the GPU was lost"), "{error}");
    assert!(error.contains("--resume"), "{error}");
    let run = toy.run_dir("lost");
    assert_eq!(metrics(&run).len(), 2);
    assert!(run.join("checkpoints/step-000002").is_dir());
    toy.resume("lost", &set).unwrap();
    assert_eq!(metrics(&run).len(), 4);
}

#[test]
fn a_gpu_has_as_many_bytes_in_use_after_fifty_steps_as_after_one() {
    let toy = Toy::new();
    let config = toy.config("memory", &["run.max_steps=50", "loss.beta=0.01"]);
    let gpu = pollster::block_on(recode_kernels::gpu::Gpu::open(0)).unwrap();
    let (device, dir) = (
        Device::Gpu(Arc::clone(&gpu)),
        RunDir::create(&config).unwrap(),
    );
    let dir = toy::train_on(&device, &config, dir, &toy::letters, &Interrupt::default()).unwrap();
    let steps = lines(&dir, "timings.jsonl");
    let of = |name: &str| -> Vec<u64> {
        let of = |line: &Value| line[name].as_u64().unwrap();
        steps.iter().map(of).collect()
    };
    let (bytes, peaks, held) = (
        of("device_bytes"),
        of("device_peak_bytes"),
        of("device_held_bytes"),
    );
    assert_eq!(steps.len(), 50);
    assert!(
        bytes.iter().all(|&now| now > 0 && now == bytes[0]),
        "{bytes:?}"
    );
    assert!(bytes.iter().zip(&peaks).all(|(now, peak)| peak > now));
    // Longer answers than there were need larger buffers.
    assert!(
        held[49] < held[24] + held[24] / 100,
        "the runtime holds more and more: {held:?}"
    );
    assert_eq!(gpu.memory().in_use(), 0, "the run is over");
}

/// What is foretold from the files alone is what buffers then take at most, and hardly more than they do.
#[test]
fn a_plan_is_what_steps_on_a_gpu_then_take() {
    let toy = Toy::new();
    let gpu = pollster::block_on(recode_kernels::gpu::Gpu::open(0)).unwrap();
    let device = Device::Gpu(gpu);
    for (name, set) in [
        ("one-prompt", &["loss.beta=0.01"][..]),
        (
            "prompts",
            &["rollout.prompts_per_step=3", "adapter.use_dora=false"],
        ),
        ("dropout", &["adapter.lora_dropout=0.1"]),
        (
            "top-k",
            &["rollout.top_k=5", "rollout.max_completion_length=40"],
        ),
        (
            "parts",
            &["run.micro_batch_tokens=200", "loss.num_iterations=2"],
        ),
    ] {
        let config = toy.config(name, &[set, &["run.max_steps=2"]].concat());
        let outline = Outline::read(&config.model.path).unwrap();
        let positions = outline.config.max_position_embeddings;
        let examples = Examples::read(&config, &outline.tokenizer, positions).unwrap();
        let weights = outline.weight_bytes;
        let plan = Plan::new(&config, &outline.config, weights, &examples, &device).unwrap();

        let dir = RunDir::create(&config).unwrap();
        let run = toy::train_on(&device, &config, dir, &toy::letters, &Interrupt::default());
        let peaks = lines(&run.unwrap(), "timings.jsonl");
        let peaks = peaks.iter().map(|line| line["device_peak_bytes"].as_u64());
        let peak = peaks.max().unwrap().unwrap() as f64;
        let off = plan.peak as f64 / peak - 1.0;
        println!("{name}: {off:+.3}");
        assert!((0.0..0.05).contains(&off), "{name}: {plan:?}, {peak} taken");
    }
}

#[test]
fn an_update_on_a_gpu_names_what_is_not_finite() {
    let gpu = pollster::block_on(recode_kernels::gpu::Gpu::open(0)).unwrap();
    let device = Device::Gpu(gpu);
    let tensors = |numbers: [f32; 2]| {
        let tensor = |number| Tensor::full(3, 5, number).to(&device).unwrap();
        numbers.map(tensor)
    };
    fn named(tensors: &mut [Tensor; 2]) -> Vec<(String, &mut Tensor)> {
        let [a, b] = tensors;
        vec![("a".to_owned(), a), ("b".to_owned(), b)]
    }
    let update = |rate: f64, gradients: [f32; 2]| {
        let mut parameters = tensors([1.0, 1.0]);
        let [a, b] = &parameters;
        let settings = OptimizerConfig::default();
        let mut optimizer = Optimizer::new(&settings, vec![("a", a), ("b", b)]).unwrap();
        let mut gradients = tensors(gradients);
        optimizer.update_tensors(rate, named(&mut parameters), named(&mut gradients))
    };
    assert!((update(0.1, [3.0, 4.0]).unwrap() - 15f64.sqrt() * 5.0).abs() < 1e-4);
    let error = update(0.1, [3.0, f32::NAN]).unwrap_err().to_string();
    assert!(
        error.starts_with("the gradient of b is NaN at element 0"),
        "{error}"
    );
    let error = update(f64::from(f32::MAX) * 4.0, [3.0, 4.0])
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("parameter a is"), "{error}");
}
