//! What must be equal whatever the numbers are: kept and recomputed, shared and repeated, adapted by nothing and not
//! adapted, merged and written out, one thread and three.

use recode_kernels::decoder::{Adapter, AdapterConfig, Decoder, Target, Trained};

use crate::case::{Golden, MODELS, TOLERANCE, Wanted, assert_close, logprobs};

/// Log-probabilities and gradients of the `dora_all` adapter, with at most so many bytes of inner activations kept.
fn adapter_pass(
    golden: &Golden,
    wanted: &Wanted,
    dropout: bool,
    kept_bytes: usize,
) -> (Vec<f32>, Adapter) {
    let decoder = golden.decoder();
    let adapter = golden.adapter("dora_all");
    let merged = decoder.merge(&adapter).unwrap();
    let dropout = dropout.then(|| golden.dropout(wanted));
    let dropout = dropout.as_ref();
    let activations = decoder
        .forward_keeping(&wanted.batch, Some(&merged), dropout, kept_bytes)
        .unwrap();
    let coefficients = |_: &_| golden.case.coefficients.clone();
    let (found, d_hidden) = logprobs(&decoder, &activations.hidden, wanted, coefficients, None);
    let mut gradients = adapter.zeros_like().unwrap();
    let trained = Trained::Adapter {
        adapter: &adapter,
        merged: &merged,
        gradients: &mut gradients,
    };
    decoder
        .backward(&wanted.batch, dropout, &activations, &d_hidden, trained)
        .unwrap();
    (found.logprobs, gradients)
}

#[test]
fn activations_computed_again_are_the_ones_kept() {
    for golden in MODELS.map(Golden::open) {
        let wanted = golden.shared();
        for dropout in [false, true] {
            let all = adapter_pass(&golden, &wanted, dropout, usize::MAX);
            // Nothing kept, and one layer of the two.
            let tokens = wanted.batch.len();
            for bytes in [0, tokens * 4 * 300] {
                assert!(
                    all == adapter_pass(&golden, &wanted, dropout, bytes),
                    "{bytes} bytes"
                );
            }
        }
    }
}

#[test]
fn a_shared_prompt_is_a_repeated_one() {
    for golden in MODELS.map(Golden::open) {
        let (shared, d_shared) = adapter_pass(&golden, &golden.shared(), false, 0);
        let (repeated, d_repeated) = adapter_pass(&golden, &golden.repeated(), false, 0);
        assert_close("logprobs", &shared, &repeated, 2e-6);
        let pairs = d_shared
            .parameters()
            .into_iter()
            .zip(d_repeated.parameters());
        for ((name, shared), (_, repeated)) in pairs {
            assert_close(&name, shared, repeated, TOLERANCE);
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for golden in MODELS.map(Golden::open) {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| adapter_pass(&golden, &golden.shared(), true, 0))
        };
        let one = with(1);
        assert!(one == with(2) && one == with(3));
    }
}

fn config(use_dora: bool) -> AdapterConfig {
    AdapterConfig {
        r: 5,
        lora_alpha: 10.0,
        lora_dropout: 0.0,
        use_dora,
        target_modules: Target::ALL.to_vec(),
    }
}

#[test]
fn an_adapter_whose_b_is_zero_is_the_base() {
    for golden in MODELS.map(Golden::open) {
        let decoder = golden.decoder();
        let batch = golden.shared().batch;
        let base = decoder.forward_hidden(&batch, None).unwrap();
        for use_dora in [false, true] {
            let adapter = Adapter::init(&config(use_dora), &decoder, 1).unwrap();
            let merged = decoder.merge(&adapter).unwrap();
            let hidden = decoder.forward_hidden(&batch, Some(&merged)).unwrap();
            assert_eq!(hidden, base);
        }
    }
}

#[test]
fn an_adapter_begins_as_peft_lets_it_begin() {
    let golden = Golden::open("qwen2");
    let decoder = golden.decoder();
    let adapter = Adapter::init(&config(true), &decoder, 1).unwrap();
    assert_eq!(adapter, Adapter::init(&config(true), &decoder, 1).unwrap());
    assert_ne!(adapter, Adapter::init(&config(true), &decoder, 2).unwrap());
    for (name, values) in adapter.parameters() {
        if name.ends_with("lora_A.weight") {
            // Uniform in +-1 / sqrt(in): in is 20, 24 for o_proj, 28 for down_proj.
            let width = values.len() / 5;
            let bound = 1.0 / (width as f32).sqrt();
            let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            assert!(
                largest <= bound && largest > 0.9 * bound,
                "{name}: {largest} of {bound}"
            );
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            // Five standard errors of a mean of at least 100: 5 bound / sqrt(3 x 100).
            assert!(mean.abs() < 0.29 * bound, "{name}: mean {mean} of {bound}");
        } else if name.ends_with("lora_B.weight") {
            assert!(values.iter().all(|&v| v == 0.0), "{name}");
        } else {
            assert!(values.iter().all(|&v| v > 0.0), "{name}: norms of rows");
        }
    }
    let zeros = adapter.zeros_like().unwrap();
    assert!(
        zeros
            .parameters()
            .iter()
            .all(|(_, values)| values.iter().all(|&v| v == 0.0))
    );
}

#[test]
fn merged_weights_written_and_read_are_the_adapter() {
    for golden in MODELS.map(Golden::open) {
        let decoder = golden.decoder();
        let batch = golden.shared().batch;
        let merged = decoder.merge(&golden.adapter("dora_all")).unwrap();
        let adapted = decoder.forward_hidden(&batch, Some(&merged)).unwrap();
        let bytes = decoder.with_merged(merged).to_safetensors().unwrap();
        let read = Decoder::from_safetensors(golden.config.clone(), &[&bytes]).unwrap();
        assert_eq!(read.forward_hidden(&batch, None).unwrap(), adapted);
    }
}

/// Only the MLP of a layer trained, or only its last map: less is computed, and what is computed is the same.
#[test]
fn fewer_targets_have_the_gradients_they_have_among_all() {
    for golden in MODELS.map(Golden::open) {
        let decoder = golden.decoder();
        let wanted = golden.shared();
        let coefficients = |_: &_| golden.case.coefficients.clone();
        // B is zero in all of them, so that every subset computes the same function.
        let gradients_of = |targets: &[Target]| {
            let mut config = config(true);
            config.target_modules = targets.to_vec();
            let adapter = Adapter::init(&config, &decoder, 1).unwrap();
            let merged = decoder.merge(&adapter).unwrap();
            let activations = decoder.forward(&wanted.batch, Some(&merged), None).unwrap();
            let hidden = &activations.hidden;
            let (_, d_hidden) = logprobs(&decoder, hidden, &wanted, coefficients, None);
            let mut gradients = adapter.zeros_like().unwrap();
            let trained = Trained::Adapter {
                adapter: &adapter,
                merged: &merged,
                gradients: &mut gradients,
            };
            decoder
                .backward(&wanted.batch, None, &activations, &d_hidden, trained)
                .unwrap();
            gradients
        };
        let all = gradients_of(&Target::ALL);
        let all: std::collections::BTreeMap<_, _> = all.parameters().into_iter().collect();
        for target in Target::ALL {
            for (name, values) in gradients_of(&[target]).parameters() {
                if name.ends_with("lora_A.weight") {
                    continue; // zero, since B is
                }
                assert_close(&name, values, all[&name], TOLERANCE);
            }
        }
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let (qwen2, llama) = (Golden::open("qwen2"), Golden::open("llama"));
    let decoder = qwen2.decoder();
    assert!(decoder.merge(&llama.adapter("dora_all")).is_err());
    let wanted = qwen2.shared();
    let dropout = qwen2.dropout(&wanted);
    assert!(
        decoder
            .forward(&wanted.batch, None, Some(&dropout))
            .is_err()
    );
    let merged = llama.decoder().merge(&llama.adapter("dora_all")).unwrap();
    assert!(decoder.forward(&wanted.batch, Some(&merged), None).is_err());
    let bytes = llama.read("dora_all/adapter_model.safetensors");
    let adapter =
        Adapter::from_safetensors(qwen2.adapter("dora_all").config(), &qwen2.config, &bytes);
    let error = adapter.unwrap_err().to_string();
    assert!(
        error.contains("q_proj.lora_A.weight") && error.contains("expected [3, 20]"),
        "{error}"
    );
    // A LoRA configuration with a DoRA file: the magnitudes are too many.
    let mut config = qwen2.adapter("dora_all").config().clone();
    config.use_dora = false;
    let bytes = qwen2.read("dora_all/adapter_model.safetensors");
    let error = Adapter::from_safetensors(&config, &qwen2.config, &bytes)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("lora_magnitude_vector") && error.contains("no place in a LoRA"),
        "{error}"
    );
}
