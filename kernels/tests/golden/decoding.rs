//! The cache says what the whole pass says, and no sequence knows its batch mates.

use pollster::block_on;
use recode_kernels::Device;
use recode_kernels::batch::TokenBatch;
use recode_kernels::decoder::{Adapter, AdapterConfig, Cache, Decoder, Merged, SequenceId, Target};
use recode_kernels::tensor::Tensor;

use crate::case::{Golden, MODELS, TOLERANCE, assert_close, devices};

/// Hidden states of a sequence's tokens, decoded one by one behind its prompt; the first row is the prompt's last.
fn decoded(
    decoder: &Decoder,
    merged: Option<&Merged>,
    prompt: &[u32],
    completion: &[u32],
) -> Vec<Vec<f32>> {
    let mut cache = Cache::new(decoder.config());
    let (id, last) = decoder.prefill(prompt, merged, &mut cache).unwrap();
    let sequence = cache.fork(id).unwrap();
    let mut rows = vec![numbers(&last)];
    for &token in completion {
        let hidden = decoder
            .decode(&[sequence], &[token], merged, &mut cache)
            .unwrap();
        rows.push(numbers(&hidden));
    }
    rows
}

/// The numbers of a tensor of any device.
fn numbers(tensor: &Tensor) -> Vec<f32> {
    block_on(tensor.read()).unwrap().into_vec()
}

/// Every model on every device, with an adapter.
fn cases(adapter: &str) -> Vec<(Golden, Decoder, Merged)> {
    let mut cases = Vec::new();
    for device in devices() {
        for golden in MODELS.map(Golden::open) {
            let decoder = golden.decoder().to(&device).unwrap();
            let adapter = golden.adapter(adapter).to(&device).unwrap();
            let merged = decoder.merge(&adapter).unwrap();
            cases.push((golden, decoder, merged));
        }
    }
    cases
}

#[test]
fn decoding_from_the_cache_is_the_whole_pass() {
    for (golden, decoder, merged) in cases("dora_all") {
        let prompt = &golden.case.prompt;
        for merged in [None, Some(&merged)] {
            for completion in &golden.case.completions {
                let rows = decoded(&decoder, merged, prompt, completion);
                let batch = TokenBatch::causal(&[prompt.as_slice(), completion].concat());
                let whole = decoder.forward_hidden(&batch, merged).unwrap();
                let whole = block_on(whole.read()).unwrap();
                let what = format!("hidden on {:?}", decoder.device());
                for (place, row) in rows.iter().enumerate() {
                    assert_close(&what, row, whole.row(prompt.len() - 1 + place), TOLERANCE);
                }
            }
        }
    }
}

#[test]
fn a_sequence_has_the_same_bits_alone_and_among_seventy() {
    for (golden, decoder, merged) in cases("lora_default") {
        let merged = Some(&merged);
        let case = &golden.case;
        let alone = decoded(&decoder, merged, &case.prompt, &case.completions[2]);

        let mut cache = Cache::new(decoder.config());
        let other = &case.completions[0];
        let (crowd, _) = decoder.prefill(other, merged, &mut cache).unwrap();
        let (prompt, last) = decoder.prefill(&case.prompt, merged, &mut cache).unwrap();
        assert_eq!(numbers(&last), alone[0]);
        let mut sequences: Vec<SequenceId> = (0..69)
            .map(|i| cache.fork(if i % 2 == 0 { crowd } else { prompt }).unwrap())
            .collect();
        sequences.insert(41, cache.fork(prompt).unwrap());
        for (step, &token) in case.completions[2].iter().enumerate() {
            let mut ids: Vec<u32> = (0..sequences.len() as u32)
                .map(|i| (7 * i + step as u32) % golden.config.vocab_size as u32)
                .collect();
            let row = if step < 4 { 41 } else { 1 };
            ids[row] = token;
            let hidden = decoder
                .decode(&sequences, &ids, merged, &mut cache)
                .unwrap();
            let hidden = block_on(hidden.read()).unwrap();
            assert_eq!(hidden.row(row), alone[step + 1], "step {step}");
            if step == 3 {
                // The others end, all but one; places change.
                for sequence in sequences.drain(2..41) {
                    cache.free_sequence(sequence).unwrap();
                }
                sequences.truncate(3);
                sequences.swap(1, 2);
            }
        }
    }
}

#[test]
fn a_prompt_that_is_left_between_two_layers_takes_nothing_of_the_cache() {
    for (golden, decoder, merged) in cases("dora_all") {
        let (prompt, merged) = (&golden.case.prompt, Some(&merged));
        let mut cache = Cache::new(decoder.config());
        let (_, expected) = decoder.prefill(prompt, merged, &mut cache).unwrap();
        let bytes = cache.bytes();

        // More often than a GPU's cache has pages at first.
        for _ in 0..70 {
            let mut left = decoder.begin_prefill(prompt, merged, &mut cache).unwrap();
            assert_eq!(left.layers(), golden.config.num_hidden_layers);
            left.next_layer().unwrap();
        }
        assert_eq!(cache.bytes(), bytes);
        let unfinished = decoder.begin_prefill(prompt, merged, &mut cache).unwrap();
        let refused = unfinished.finish().unwrap_err().to_string();
        assert!(refused.contains("layers 0 of "), "{refused}");
        assert_eq!(cache.bytes(), bytes);

        let (again, last) = decoder.prefill(prompt, merged, &mut cache).unwrap();
        assert_eq!(numbers(&last), numbers(&expected));
        let sequence = cache.fork(again).unwrap();
        let token = golden.case.completions[2][0];
        let next = decoder.decode(&[sequence], &[token], merged, &mut cache);
        let rows = decoded(&decoder, merged, prompt, &[token]);
        assert_eq!(numbers(&next.unwrap()), rows[1]);
    }
}

#[test]
fn a_gpu_takes_as_many_sequences_as_keep_their_bits() {
    for (golden, decoder, _) in cases("lora_default") {
        let most = decoder.most_sequences();
        if decoder.device() == Device::Cpu {
            assert_eq!(most, usize::MAX);
            continue;
        }
        let mut cache = Cache::new(decoder.config());
        let (prompt, _) = decoder
            .prefill(&golden.case.prompt, None, &mut cache)
            .unwrap();
        let sequences: Vec<SequenceId> = (0..=most).map(|_| cache.fork(prompt).unwrap()).collect();
        let ids = vec![1; most + 1];
        let error = decoder.decode(&sequences, &ids, None, &mut cache);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("129") && error.contains("128"), "{error}");
        let hidden = decoder.decode(&sequences[..most], &ids[..most], None, &mut cache);
        assert_eq!(hidden.unwrap().rows(), most);
    }
}

#[test]
fn a_prompt_lives_as_long_as_its_last_sequence() {
    let golden = Golden::open("llama");
    let decoder = golden.decoder();
    let mut cache = Cache::new(decoder.config());
    let (prompt, _) = decoder
        .prefill(&golden.case.prompt, None, &mut cache)
        .unwrap();
    // 2 layers, keys and values, 7 tokens of 1 head x 8, 4 bytes each.
    assert_eq!(cache.bytes(), 2 * 2 * 7 * 8 * 4);
    let (a, b) = (cache.fork(prompt).unwrap(), cache.fork(prompt).unwrap());
    cache.free_prompt(prompt).unwrap();
    assert!(cache.fork(prompt).is_err() && cache.free_prompt(prompt).is_err());
    decoder.decode(&[a, b], &[1, 2], None, &mut cache).unwrap();
    assert_eq!(cache.sequence_len(a).unwrap(), 8);
    cache.free_sequence(a).unwrap();
    assert!(cache.bytes() >= 2 * 2 * 7 * 8 * 4);
    cache.free_sequence(b).unwrap();
    assert_eq!(cache.bytes(), 0);
    assert!(cache.free_sequence(b).is_err() && cache.sequence_len(b).is_err());
}

#[test]
fn a_call_that_cannot_be_right_changes_nothing() {
    let golden = Golden::open("llama");
    let decoder = golden.decoder();
    let mut cache = Cache::new(decoder.config());
    let prompt = &golden.case.prompt;
    let (id, _) = decoder.prefill(prompt, None, &mut cache).unwrap();
    let (a, b) = (cache.fork(id).unwrap(), cache.fork(id).unwrap());
    let mut refused = |sequences: &[SequenceId], ids: &[u32]| {
        decoder
            .decode(sequences, ids, None, &mut cache)
            .unwrap_err()
            .to_string()
    };
    assert!(refused(&[a, b], &[1]).contains("ids"));
    assert!(refused(&[a, a], &[1, 1]).contains("twice"));
    assert_eq!(
        refused(&[a, b], &[1, 37]),
        "decoder: ids[1] is 37, but must be below 37"
    );
    let mut elsewhere = Cache::new(decoder.config());
    let (other, _) = decoder.prefill(prompt, None, &mut elsewhere).unwrap();
    (0..5).for_each(|_| _ = elsewhere.fork(other).unwrap());
    let foreign = elsewhere.fork(other).unwrap();
    assert!(refused(&[a, foreign], &[1, 1]).contains("not in the cache"));
    assert_eq!(cache.sequence_len(a).unwrap(), 7);

    assert!(decoder.prefill(&[], None, &mut cache).is_err());
    let too_long = vec![1; 49]; // max_position_embeddings is 48
    let error = decoder
        .prefill(&too_long, None, &mut cache)
        .unwrap_err()
        .to_string();
    assert!(error.contains("max_position_embeddings, is 48"), "{error}");
    for _ in 0..41 {
        decoder.decode(&[a], &[1], None, &mut cache).unwrap();
    }
    assert!(decoder.decode(&[a], &[1], None, &mut cache).is_err());
    let qwen2 = Golden::open("qwen2");
    // The same widths turned by another angle would be silently wrong.
    let mut slower = golden.config.clone();
    slower.rope_theta *= 2.0;
    for other in [qwen2.decoder(), Decoder::random(slower, 7).unwrap()] {
        let error = other.decode(&[a], &[1], None, &mut cache).unwrap_err();
        assert!(
            error.to_string().contains("another configuration"),
            "{error}"
        );
    }

    // An adapter of another model is found out in the first layer, after b's key was appended: it is taken back.
    let behind_attention = AdapterConfig {
        target_modules: vec![Target::OProj],
        ..qwen2.adapter("lora_default").config().clone()
    };
    let adapter = Adapter::init(&behind_attention, &qwen2.decoder(), 7).unwrap();
    let merged = qwen2.decoder().merge(&adapter).unwrap();
    let before = decoded(&decoder, None, prompt, &[5]);
    assert!(
        decoder
            .decode(&[b], &[5], Some(&merged), &mut cache)
            .is_err()
    );
    let hidden = decoder.decode(&[b], &[5], None, &mut cache).unwrap();
    assert_eq!(hidden.data(), before[1]);
}

/// The logits of a row do not depend on the other rows either.
#[test]
fn logits_of_a_row_are_its_own() {
    let golden = Golden::open("qwen2");
    let decoder = golden.decoder();
    let batch = TokenBatch::causal(&golden.case.prompt);
    let hidden = decoder.forward_hidden(&batch, None).unwrap();
    let all = decoder.logits(&hidden).unwrap();
    for row in 0..hidden.rows() {
        let one = Tensor::from_vec(1, hidden.cols(), hidden.row(row).to_vec()).unwrap();
        assert_eq!(decoder.logits(&one).unwrap().data(), all.row(row));
    }
}

#[cfg(feature = "gpu")]
#[test]
fn a_step_on_a_gpu_is_ten_launches_a_layer() {
    for (golden, decoder, merged) in cases("dora_all") {
        let Device::Gpu(gpu) = decoder.device() else {
            continue;
        };
        for merged in [None, Some(&merged)] {
            let mut cache = Cache::new(decoder.config());
            let prompt = &golden.case.prompt;
            let (prompt, _) = decoder.prefill(prompt, merged, &mut cache).unwrap();
            let sequence = cache.fork(prompt).unwrap();
            let (launches, reads) = (gpu.launches(), gpu.reads());
            decoder
                .decode(&[sequence], &[1], merged, &mut cache)
                .unwrap();
            let config = decoder.config();
            // Gate and up are one launch with their product, but not where they have biases, as the tiny llama's.
            let layer = if config.mlp_bias { 12 } else { 10 };
            let layers = config.num_hidden_layers as u64;
            // And the embedding and the last norm.
            assert_eq!(gpu.launches() - launches, layer * layers + 2);
            assert_eq!(gpu.reads() - reads, 0);
        }
    }
}
