//! SmolLM2-135M-Instruct, greedily: the 64 tokens that transformers writes.
//!
//! Runs where `RECODE_SMOLLM2` names the model's directory, and fails where that directory is not what the numbers were made
//! with; without the variable there is nothing to run.

use std::path::PathBuf;

use recode_kernels::decoder::{Cache, Decoder, DecoderConfig};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    prompts: Vec<Prompt>,
}

#[derive(Deserialize)]
struct Prompt {
    text: String,
    prompt_ids: Vec<u32>,
    completion_ids: Vec<u32>,
    logprobs: Vec<f64>,
}

#[test]
fn greedy_tokens_are_those_of_transformers() {
    let Some(folder) = std::env::var_os("RECODE_SMOLLM2").map(PathBuf::from) else {
        eprintln!("RECODE_SMOLLM2 is not set: not run");
        return;
    };
    let read = |file: &str| {
        let path = folder.join(file);
        std::fs::read(&path)
            .unwrap_or_else(|error| panic!("RECODE_SMOLLM2: {}: {error}", path.display()))
    };
    let config =
        DecoderConfig::from_json(&String::from_utf8(read("config.json")).unwrap()).unwrap();
    let decoder = Decoder::from_safetensors(config, &[&read("model.safetensors")]).unwrap();
    let golden: Golden =
        serde_json::from_str(include_str!("../../../tests/golden/smollm2_greedy.json")).unwrap();
    assert_eq!(golden.prompts.len(), 10);

    // All ten together, each behind its own prompt: batch mates must not matter.
    let mut cache = Cache::new(decoder.config());
    let mut sequences = Vec::new();
    let mut logits = Vec::new();
    for prompt in &golden.prompts {
        let (id, last) = decoder
            .prefill(&prompt.prompt_ids, None, &mut cache)
            .unwrap();
        sequences.push(cache.fork(id).unwrap());
        logits.push(decoder.logits(&last).unwrap().into_vec());
    }
    let mut worst = 0.0f64;
    for step in 0..64 {
        let mut ids = Vec::new();
        for (prompt, logits) in golden.prompts.iter().zip(&logits) {
            let best = (0..logits.len())
                .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
                .unwrap();
            let expected = prompt.completion_ids[step] as usize;
            assert_eq!(
                best,
                expected,
                "token {step} after {:?}: {best} leads {expected} by {}",
                prompt.text,
                logits[best] - logits[expected]
            );
            let sum: f64 = logits
                .iter()
                .map(|&z| f64::from(z - logits[best]).exp())
                .sum();
            let off = (-sum.ln() - prompt.logprobs[step]).abs();
            // NaN is not below anything.
            assert!(
                off < 1e-3,
                "token {step} after {:?}: its log-probability differs by {off}",
                prompt.text
            );
            worst = worst.max(off);
            ids.push(best as u32);
        }
        let hidden = decoder.decode(&sequences, &ids, None, &mut cache).unwrap();
        let all = decoder.logits(&hidden).unwrap();
        logits = (0..ids.len()).map(|row| all.row(row).to_vec()).collect();
    }
    println!("log-probabilities differ by at most {worst:.1e}");
}
