//! Tokens a second of a rollout on a real model: 8 sequences of one prompt, at most 128 tokens each; and one draw of the sampler.
//!
//! `RECODE_SMOLLM2=DIR cargo bench -p recode-trainer --bench rollout`; with `RECODE_PYTHON` naming an interpreter that has torch and
//! transformers, `tests/peers/generate.py` does the same beside it. What is timed is checked first: the log-probabilities of the drawn
//! tokens are those of one pass over the whole text.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use pollster::block_on;
use recode_core::migration::Migration;
use recode_kernels::Device;
use recode_kernels::batch::TokenBatch;
use recode_kernels::ops::linear_logprob::{LogprobRequest, Sampling};
use recode_trainer::model_dir::Model;
use recode_trainer::rollout::{Event, Prompt, Rollout, RolloutConfig, rollout};
use recode_trainer::sampler::{Sampler, SamplingConfig, uniform};

const SEQUENCES: usize = 8;
const MAX_COMPLETION_LENGTH: usize = 128;

fn main() -> Result<()> {
    let Some(dir) = std::env::var_os("RECODE_SMOLLM2").map(PathBuf::from) else {
        println!("set RECODE_SMOLLM2 to a directory of SmolLM2-135M-Instruct to measure rollouts");
        return Ok(());
    };
    let threads = rayon::current_num_threads();
    let model = Model::load(&dir, &Device::Cpu)?;
    let prompt = prompt();
    let prompt_ids = model.tokenizer.encode(&prompt)?;
    check(&model, &prompt_ids)?;
    let measured = (0..3)
        .map(|seed| answer(&model, &prompt_ids, seed))
        .collect::<Result<Vec<_>>>()?;
    println!(
        "{threads} threads, prompt of {} tokens, {SEQUENCES} sequences of at most {MAX_COMPLETION_LENGTH} tokens",
        prompt_ids.len()
    );
    for rollout in &measured {
        println!(
            "rollout       {:7.1} tokens/s  ({} tokens in {:.2} s, prompt {:.2} s)",
            rollout.tokens_per_second(),
            rollout.tokens,
            rollout.decode_time.as_secs_f64(),
            rollout.prefill_time.as_secs_f64()
        );
    }
    draws()?;
    let best = measured
        .iter()
        .map(Rollout::tokens_per_second)
        .fold(0.0, f64::max);
    match std::env::var_os("RECODE_PYTHON") {
        Some(python) => peer(Path::new(&python), &dir, &prompt, threads, best),
        None => Ok(()),
    }
}

/// A migration as the data set has them.
fn prompt() -> String {
    let migration = Migration {
        dependency: "NumPy".into(),
        new_version: "==2.0.0".into(),
        description: String::new(),
        update_info: "numpy.row_stack is an alias of numpy.vstack and will be removed; use numpy.vstack directly. The function stacks \
                      arrays in sequence vertically (row wise)."
            .into(),
        old_code: "import numpy as np\n\nfirst = np.array([1, 2, 3])\nsecond = np.array([4, 5, 6])\nstacked = np.row_stack((first, second))\nprint(stacked)".into(),
        new_code: String::new(),
    };
    migration.prompt().chatml()
}

fn answer(model: &Model, prompt_ids: &[u32], seed: u64) -> Result<Rollout> {
    let config = RolloutConfig {
        num_generations: SEQUENCES,
        max_completion_length: MAX_COMPLETION_LENGTH,
        max_concurrent_sequences: SEQUENCES,
        sampling: SamplingConfig::default(),
        seed,
        step: 0,
    };
    let prompts = [Prompt { id: 0, prompt_ids }];
    block_on(rollout(
        &model.decoder,
        None,
        &model.tokenizer,
        &prompts,
        &config,
        &mut async |_: Event<'_>| Ok(ControlFlow::Continue(())),
    ))
}

fn check(model: &Model, prompt_ids: &[u32]) -> Result<()> {
    let completion = answer(model, prompt_ids, 99)?
        .completions
        .swap_remove(SEQUENCES - 1);
    let batch = TokenBatch::causal(&[prompt_ids, &completion.completion_ids].concat());
    let hidden = model.decoder.forward_hidden(&batch, None)?;
    let requests: Vec<_> = (prompt_ids.len() as u32 - 1..)
        .zip(&completion.completion_ids)
        .map(|(row, token)| LogprobRequest { row, token: *token })
        .collect();
    let sampling = Sampling::default();
    let whole = block_on(model.decoder.logprobs(&hidden, &requests, &sampling))?;
    let pairs = completion.sampling_logprobs.iter().zip(&whole.logprobs);
    let difference = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("decoded and whole-pass log-probabilities differ by at most {difference:.1e}");
    ensure!(
        difference < 1e-3,
        "decoding does not compute what the whole pass computes"
    );
    Ok(())
}

fn draws() -> Result<()> {
    let logits: Vec<f32> = (0..49_152)
        .map(|token| 12.0 * (uniform(1, 0, 0, 0, token) as f32 - 0.5))
        .collect();
    for (name, top_k, top_p) in [
        ("temperature", 0, 1.0),
        ("top_k 50", 50, 1.0),
        ("top_p 0.95", 0, 0.95),
    ] {
        let mut sampler = Sampler::new(SamplingConfig {
            temperature: 1.0,
            top_k,
            top_p,
        })?;
        let mut sum = 0;
        let begun = Instant::now();
        for position in 0..200 {
            sum += u64::from(sampler.draw(&logits, uniform(2, 0, 0, 0, position))?.token);
        }
        let micros = begun.elapsed().as_secs_f64() * 1e6 / 200.0;
        println!(
            "draw, {name:11} {micros:7.1} us  (of 49,152 tokens; mean id {})",
            sum / 200
        );
    }
    Ok(())
}

fn peer(python: &Path, dir: &Path, prompt: &str, threads: usize, ours: f64) -> Result<()> {
    let file =
        std::env::temp_dir().join(format!("recode-rollout-prompt-{}.txt", std::process::id()));
    std::fs::write(&file, prompt)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers/generate.py");
    let output = Command::new(python)
        .arg(script)
        .args([dir, file.as_path()])
        .args([SEQUENCES, MAX_COMPLETION_LENGTH, threads].map(|number| number.to_string()))
        .output()
        .with_context(|| format!("cannot start {}", python.display()));
    std::fs::remove_file(&file)?;
    let output = output?;
    ensure!(
        output.status.success(),
        "the peer failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let peer: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("the peer prints one JSON object")?;
    let number = |name: &str| {
        peer[name]
            .as_f64()
            .with_context(|| format!("the peer names {name}"))
    };
    let theirs = number("tokens")? / number("decode_seconds")?;
    println!(
        "transformers  {theirs:7.1} tokens/s  ({} tokens in {:.2} s; transformers {}, torch {})\nratio         {:7.2}",
        peer["tokens"],
        number("decode_seconds")?,
        peer["transformers"].as_str().unwrap_or("?"),
        peer["torch"].as_str().unwrap_or("?"),
        ours / theirs
    );
    Ok(())
}
