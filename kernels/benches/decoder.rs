//! The decoder at the size of a training step: SmolLM2-135M, one prompt of 240 tokens with 8 completions of 128.
//!
//! usage: RECODE_SMOLLM2=MODEL_DIR cargo bench -p recode-kernels --bench decoder [-- [THREADS] [step|rollout|memory]]
//! `memory` shows the peak of a pass over 1024, 2048 and 4096 tokens, nothing kept. The gradients' checksum is the same for any
//! number of threads.
//! Without the variable the weights are random ones of the same shape, which costs the same. The adapter is DoRA, r 64 on q_proj
//! and v_proj, with dropout 0.01. Every time is the best of three; products count as 2 operations a multiply-add.

use std::time::Instant;

use recode_kernels::batch::TokenBatch;
use recode_kernels::decoder::{
    Adapter, AdapterConfig, Cache, Decoder, DecoderConfig, Dropout, KEPT_ACTIVATION_BYTES, Merged,
    Target, Trained,
};
use recode_kernels::ops::linear_logprob::{LogprobRequest, Sampling};
use recode_kernels::tensor::Tensor;

const PROMPT: usize = 240;
const COMPLETIONS: usize = 8;
const LENGTH: usize = 128;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return; // `cargo test --benches` only builds it
    }
    let threads = std::env::args()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(0);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .unwrap();
    println!("{} threads", rayon::current_num_threads());
    let decoder = decoder();
    println!("weights loaded: {} MiB", peak_mib());

    let config = AdapterConfig {
        r: 64,
        lora_alpha: 64.0,
        lora_dropout: 0.01,
        use_dora: true,
        target_modules: vec![Target::QProj, Target::VProj],
    };
    let mut adapter = Adapter::init(&config, &decoder, 1).unwrap();
    for (name, values) in adapter.parameters_mut() {
        if name.ends_with("lora_B.weight") {
            values
                .iter_mut()
                .enumerate()
                .for_each(|(i, v)| *v = 1e-3 * (i as f32).sin());
        }
    }
    let merged = timed("merge the adapter", 0.0, || {
        decoder.merge(&adapter).unwrap()
    });

    let vocabulary = decoder.config().vocab_size as u32;
    let ids: Vec<u32> = (0..2000u32)
        .map(|i| i.wrapping_mul(2_654_435_761) % vocabulary)
        .collect();
    let completions: Vec<&[u32]> = (0..COMPLETIONS)
        .map(|g| &ids[PROMPT + g * LENGTH..][..LENGTH])
        .collect();
    let mut batch = TokenBatch::new();
    let group = batch.push_group(&ids[..PROMPT], &completions);
    let mut requests = Vec::new();
    for (rows, ids) in group.completions.iter().zip(&completions) {
        for (place, &token) in ids.iter().enumerate() {
            let row = if place == 0 {
                PROMPT - 1
            } else {
                rows.start + place - 1
            } as u32;
            requests.push(LogprobRequest { row, token });
        }
    }
    let dropout = Dropout {
        probability: 0.01,
        seed: 3,
        tokens: (0..batch.len() as u64).collect(),
    };
    let flops = forward_flops(decoder.config(), batch.len());
    let head = 2.0 * requests.len() as f64 * (decoder.head().rows() * decoder.head().cols()) as f64;
    println!(
        "{} tokens, {:.0} GFLOP in the products of a forward pass, {:.0} in the head",
        batch.len(),
        flops / 1e9,
        head / 1e9
    );

    let step = |dropout: Option<&Dropout>, kept| {
        let name = match dropout {
            None => "",
            Some(_) => ", dropout",
        };
        let activations = timed(&format!("forward{name}"), flops, || {
            decoder
                .forward_keeping(&batch, Some(&merged), dropout, kept)
                .unwrap()
        });
        let hidden = &activations.hidden;
        let sampling = Sampling::default();
        let logprobs = timed("log-probabilities", head, || {
            pollster::block_on(decoder.logprobs(hidden, &requests, &sampling)).unwrap()
        });
        assert!(logprobs.logprobs.iter().all(|l| l.is_finite()));
        let d_logprobs = vec![1.0 / requests.len() as f32; requests.len()];
        let d_hidden = timed("log-probabilities, backward", 2.0 * head, || {
            let mut d_hidden = Tensor::zeros(hidden.rows(), hidden.cols());
            decoder
                .logprobs_backward(
                    hidden,
                    &requests,
                    &sampling,
                    &logprobs,
                    &d_logprobs,
                    &mut d_hidden,
                    None,
                )
                .unwrap();
            d_hidden
        });
        let mut gradients = adapter.zeros_like().unwrap();
        let what = if kept == 0 { ", all recomputed" } else { "" };
        timed(&format!("backward{name}{what}"), flops, || {
            gradients.clear();
            let trained = Trained::Adapter {
                adapter: &adapter,
                merged: &merged,
                gradients: &mut gradients,
            };
            decoder
                .backward(&batch, dropout, &activations, &d_hidden, trained)
                .unwrap();
        });
        gradients
    };
    let only = |name| std::env::args().any(|argument| argument == name);
    if only("rollout") {
        (0..3).for_each(|_| rollout(&decoder, &merged, &ids));
        return;
    }
    if only("memory") {
        memory(&decoder, &adapter, &merged);
        return;
    }
    timed("forward that keeps nothing, base", flops, || {
        decoder.forward_hidden(&batch, None).unwrap()
    });
    println!("peak before the step: {} MiB", peak_mib());
    let recomputed = step(None, 0);
    println!("peak: {} MiB", peak_mib());
    let kept = step(None, KEPT_ACTIVATION_BYTES);
    assert!(
        recomputed == kept,
        "recomputed activations gave other gradients"
    );
    println!("peak: {} MiB", peak_mib());
    step(Some(&dropout), KEPT_ACTIVATION_BYTES);
    println!("peak: {} MiB", peak_mib());

    println!("gradients: {:016x}", checksum(&kept));
    if !only("step") {
        (0..3).for_each(|_| rollout(&decoder, &merged, &ids));
    }
    println!("peak: {} MiB", peak_mib());
}

/// Prefill, then 128 tokens for 8 sequences at once, logits included.
fn rollout(decoder: &Decoder, merged: &Merged, ids: &[u32]) {
    let mut cache = Cache::new(decoder.config());
    let flops = forward_flops(decoder.config(), PROMPT);
    let (prompt, _) = timed("prefill", flops, || {
        decoder
            .prefill(&ids[..PROMPT], Some(merged), &mut cache)
            .unwrap()
    });
    let sequences: Vec<_> = (0..COMPLETIONS)
        .map(|_| cache.fork(prompt).unwrap())
        .collect();
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let (mut head, mut best) = (0.0, f64::INFINITY);
    for step in 0..LENGTH {
        let ids: Vec<u32> = (0..COMPLETIONS)
            .map(|g| ids[PROMPT + g * LENGTH + step])
            .collect();
        let round = Instant::now();
        let hidden = decoder
            .decode(&sequences, &ids, Some(merged), &mut cache)
            .unwrap();
        let from = Instant::now();
        assert!(decoder.logits(&hidden).unwrap().data()[0].is_finite());
        head += from.elapsed().as_secs_f64();
        best = f64::min(best, round.elapsed().as_secs_f64());
    }
    let seconds = start.elapsed().as_secs_f64();
    let tokens = (COMPLETIONS * LENGTH) as f64;
    println!(
        "decode: {:.0} tokens a second ({seconds:.2} s, {head:.2} s of it logits, {:.2} ms the best round; {:.2} s of processors); cache {} KiB",
        tokens / seconds,
        best * 1e3,
        cpu_seconds() - cpu,
        cache.bytes() / 1024
    );
}

/// Peak memory of forward, log-probabilities and backward over one text, for three lengths.
fn memory(decoder: &Decoder, adapter: &Adapter, merged: &Merged) {
    println!("{} MiB before", peak_mib());
    for tokens in [1024, 2048, 4096u32] {
        let ids: Vec<u32> = (0..tokens)
            .map(|i| i.wrapping_mul(2_654_435_761) % 49_152)
            .collect();
        let batch = TokenBatch::causal(&ids);
        let requests: Vec<LogprobRequest> = (1..tokens)
            .map(|i| LogprobRequest {
                row: i - 1,
                token: ids[i as usize],
            })
            .collect();
        let activations = decoder
            .forward_keeping(&batch, Some(merged), None, 0)
            .unwrap();
        let (hidden, sampling) = (&activations.hidden, Sampling::default());
        let logprobs = pollster::block_on(decoder.logprobs(hidden, &requests, &sampling)).unwrap();
        let mut d_hidden = Tensor::zeros(hidden.rows(), hidden.cols());
        let d_logprobs = vec![1.0; requests.len()];
        decoder
            .logprobs_backward(
                hidden,
                &requests,
                &sampling,
                &logprobs,
                &d_logprobs,
                &mut d_hidden,
                None,
            )
            .unwrap();
        let mut gradients = adapter.zeros_like().unwrap();
        let trained = Trained::Adapter {
            adapter,
            merged,
            gradients: &mut gradients,
        };
        decoder
            .backward(&batch, None, &activations, &d_hidden, trained)
            .unwrap();
        println!("{tokens} tokens: peak {} MiB", peak_mib());
    }
}

/// FNV-1a over the bits of all gradients.
fn checksum(gradients: &Adapter) -> u64 {
    let parameters = gradients.parameters();
    let bits = parameters
        .iter()
        .flat_map(|(_, values)| values.iter().map(|v| v.to_bits()));
    bits.fold(0xcbf2_9ce4_8422_2325, |hash, bits| {
        (hash ^ u64::from(bits)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn decoder() -> Decoder {
    if let Some(folder) = std::env::var_os("RECODE_SMOLLM2").map(std::path::PathBuf::from) {
        let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
        let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
        return Decoder::from_safetensors(DecoderConfig::from_json(&config).unwrap(), &[&bytes])
            .unwrap();
    }
    let config = r#"{"model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536,
        "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5, "rope_theta": 100000.0, "tie_word_embeddings": true}"#;
    let mut decoder = Decoder::random(DecoderConfig::from_json(config).unwrap(), 1).unwrap();
    decoder.narrow();
    decoder
}

fn forward_flops(config: &DecoderConfig, tokens: usize) -> f64 {
    let weights: usize = Target::ALL
        .iter()
        .map(|&target| config.shape(target).iter().product::<usize>())
        .sum();
    2.0 * (tokens * weights * config.num_hidden_layers) as f64
}

/// Runs three times; prints the best and what it cost the processors, and returns the last result.
fn timed<T>(what: &str, flops: f64, mut run: impl FnMut() -> T) -> T {
    let (mut best, mut cheapest) = (f64::INFINITY, f64::INFINITY);
    for round in 0.. {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let found = run();
        best = best.min(start.elapsed().as_secs_f64());
        cheapest = cheapest.min(cpu_seconds() - cpu);
        if round == 2 {
            print!("{what}: {best:.3} s ({cheapest:.2} s of processors)");
            if flops > 0.0 {
                print!(", {:.0} GFLOP/s of products", flops / best / 1e9);
            }
            println!();
            return found;
        }
    }
    unreachable!("the loop has no end but its return")
}

/// Time of all processors for this process, in seconds, to a hundredth; 0 where the system does not say. Beside other work on
/// the machine it says more than the clock.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Most memory the process ever had, in MiB; 0 where the system does not say.
fn peak_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kib.unwrap_or(0) / 1024
}
