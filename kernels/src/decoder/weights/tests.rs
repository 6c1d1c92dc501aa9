//! Files that lie, lack something or hold too much are refused by name; what is written reads back.

use half::f16;
use safetensors::tensor::TensorView;
use serde_json::json;

use super::write::{Stored, StoredData, write_file};
use super::*;
use crate::error::Error;
use safetensors::tensor::Dtype;

fn config(tied: bool) -> DecoderConfig {
    DecoderConfig::from_json(
        &json!({
            "model_type": "qwen2", "vocab_size": 11, "hidden_size": 6, "intermediate_size": 10, "num_hidden_layers": 2,
            "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 4, "tie_word_embeddings": tied,
        })
        .to_string(),
    )
    .unwrap()
}

fn decoder(tied: bool) -> Decoder {
    let mut decoder = Decoder::random(config(tied), 3).unwrap();
    // Biases and norms that are not what a forgotten one would be.
    for (index, (name, values)) in decoder.parameters_mut().unwrap().into_iter().enumerate() {
        if name.ends_with("bias") || name.contains("norm") {
            for (place, value) in values.iter_mut().enumerate() {
                *value = 0.5 + index as f32 + 0.25 * place as f32;
            }
        }
    }
    decoder
}

/// The decoder's file with `change` made to its tensors: name, dtype, shape, bytes.
type Parts = Vec<(String, Dtype, Vec<usize>, Vec<u8>)>;

fn changed(decoder: &Decoder, change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let bytes = decoder.to_safetensors().unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut parts: Parts = file
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            (
                name,
                view.dtype(),
                view.shape().to_vec(),
                view.data().to_vec(),
            )
        })
        .collect();
    change(&mut parts);
    let views = parts.iter().map(|(name, dtype, shape, bytes)| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

fn part<'a>(parts: &'a mut Parts, name: &str) -> &'a mut (String, Dtype, Vec<usize>, Vec<u8>) {
    parts.iter_mut().find(|part| part.0 == name).unwrap()
}

fn refusal(tied: bool, files: &[&[u8]]) -> (String, String) {
    match Decoder::from_safetensors(config(tied), files) {
        Err(Error::Weights { tensor, reason, .. } | Error::Misfit { tensor, reason }) => {
            (tensor, reason)
        }
        Err(Error::WeightsFile { file: 0, reason }) => ("safetensors file".to_string(), reason),
        other => panic!("expected a weights error, got {other:?}"),
    }
}

const Q: &str = "model.layers.1.self_attn.q_proj.weight";

#[test]
fn what_is_written_reads_back_in_either_precision() {
    for tied in [false, true] {
        let mut decoder = decoder(tied);
        let bytes = decoder.to_safetensors().unwrap();
        let read = Decoder::from_safetensors(config(tied), &[&bytes]).unwrap();
        assert_eq!(read, decoder);
        decoder.narrow();
        let bytes = decoder.to_safetensors().unwrap();
        let read = Decoder::from_safetensors(config(tied), &[&bytes]).unwrap();
        assert_eq!(read, decoder);
        assert_eq!(read.to_safetensors().unwrap(), bytes);
    }
}

#[test]
fn two_shards_are_one_decoder() {
    let decoder = decoder(false);
    let first = changed(&decoder, |parts| parts.retain(|part| part.0.as_str() < Q));
    let second = changed(&decoder, |parts| parts.retain(|part| part.0.as_str() >= Q));
    let read = Decoder::from_safetensors(config(false), &[&first, &second]).unwrap();
    assert_eq!(read, decoder);
    let whole = decoder.to_safetensors().unwrap();
    let (_, reason) = refusal(false, &[&whole, &second]);
    assert_eq!(reason, "stands in two of the files");
}

#[test]
fn f16_becomes_f32_exactly() {
    let decoder = decoder(true);
    let mut halves = Vec::new();
    let bytes = changed(&decoder, |parts| {
        let part = part(parts, Q);
        halves = part
            .3
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&b| f16::from_f32(f32::from_le_bytes(b)))
            .collect();
        part.1 = Dtype::F16;
        part.3 = halves.iter().flat_map(|h| h.to_le_bytes()).collect();
    });
    let read = Decoder::from_safetensors(config(true), &[&bytes]).unwrap();
    let wide: Vec<f32> = halves.iter().map(|h| h.to_f32()).collect();
    assert_eq!(read.layers[1].projections[0].weight.to_f32(), wide);
}

#[test]
fn a_tensor_that_is_not_as_expected_is_named_with_both_sides() {
    let decoder = decoder(false);
    let missing = changed(&decoder, |parts| parts.retain(|part| part.0 != Q));
    assert_eq!(
        refusal(false, &[&missing]),
        (
            Q.to_string(),
            "is missing, expected with shape [12, 6]".to_string()
        ) // 3 heads x 4
    );
    let shape = changed(&decoder, |parts| part(parts, Q).2 = vec![6, 12]);
    assert_eq!(
        refusal(false, &[&shape]).1,
        "has shape [6, 12], expected [12, 6]"
    );
    let dtype = changed(&decoder, |parts| part(parts, Q).1 = Dtype::I32);
    assert_eq!(
        refusal(false, &[&dtype]).1,
        "has dtype I32, expected F32, BF16 or F16"
    );
    let extra = changed(&decoder, |parts| {
        parts.push((
            "model.layers.2.mlp.bias".into(),
            Dtype::F32,
            vec![1],
            vec![0; 4],
        ));
    });
    let (tensor, reason) = refusal(false, &[&extra]);
    assert_eq!(tensor, "model.layers.2.mlp.bias");
    assert!(
        reason.starts_with("has no place in a Qwen2 decoder of 2 layers"),
        "{reason}"
    );
    // A head that the configuration says is tied, and one that it says is not.
    let (tensor, reason) = refusal(true, &[&decoder.to_safetensors().unwrap()]);
    assert_eq!(tensor, HEAD);
    assert!(
        reason.starts_with("differs from model.embed_tokens.weight"),
        "{reason}"
    );
    let tied = self::decoder(true).to_safetensors().unwrap();
    assert_eq!(refusal(false, &[&tied]).0, HEAD);
}

#[test]
fn another_models_tensor_is_told_from_a_damaged_one() {
    let decoder = decoder(false);
    type Change<'a> = &'a dyn Fn(&mut Parts);
    let misfits: [Change<'_>; 4] = [
        &|parts| parts.retain(|part| part.0 != Q),
        &|parts| part(parts, Q).2 = vec![6, 12],
        &|parts| part(parts, Q).1 = Dtype::I32,
        &|parts| parts.push(("more".into(), Dtype::F32, vec![1], vec![0; 4])),
    ];
    let load = |bytes: &[u8]| Decoder::from_safetensors(config(false), &[bytes]).unwrap_err();
    for change in misfits {
        let error = load(&changed(&decoder, change));
        assert!(matches!(error, Error::Misfit { .. }), "{error:?}");
    }
    let nan = changed(&decoder, |parts| {
        part(parts, Q).3[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let error = load(&nan);
    assert!(
        matches!(error, Error::Weights { file: None, .. }),
        "{error:?}"
    );
    // The second of two files is cut short: its index is told, and which tensor does not fit into it.
    let whole = decoder.to_safetensors().unwrap();
    let cut = &whole[..whole.len() - 1];
    let error = Decoder::from_safetensors(config(false), &[&whole, cut]).unwrap_err();
    assert!(
        matches!(error, Error::Weights { file: Some(1), .. }),
        "{error:?}"
    );
    let error = Decoder::from_safetensors(config(false), &[&whole, &[]]).unwrap_err();
    assert!(
        matches!(error, Error::WeightsFile { file: 1, .. }),
        "{error:?}"
    );
}

#[test]
fn a_second_copy_of_a_tied_head_and_old_rotary_constants_are_passed_over() {
    let decoder = decoder(true);
    let bytes = changed(&decoder, |parts| {
        let mut copy = part(parts, EMBEDDING).clone();
        copy.0 = HEAD.to_string();
        parts.push(copy);
        let name = "model.layers.0.self_attn.rotary_emb.inv_freq".to_string();
        parts.push((name, Dtype::F32, vec![2], vec![0; 8]));
    });
    let read = Decoder::from_safetensors(config(true), &[&bytes]).unwrap();
    assert_eq!(read, decoder);
    // The same bytes make another matrix.
    let turned = changed(&decoder, |parts| {
        let mut copy = part(parts, EMBEDDING).clone();
        copy.0 = HEAD.to_string();
        copy.2.reverse();
        parts.push(copy);
    });
    let (tensor, reason) = refusal(true, &[&turned]);
    assert!(tensor == HEAD && reason.starts_with("differs"), "{reason}");
}

#[test]
fn a_number_that_is_not_finite_is_placed() {
    for (dtype, bad) in [
        (Dtype::F32, f32::NAN.to_le_bytes().to_vec()),
        (Dtype::BF16, bf16::INFINITY.to_le_bytes().to_vec()),
        (Dtype::F16, f16::NEG_INFINITY.to_le_bytes().to_vec()),
    ] {
        let bytes = changed(&decoder(false), |parts| {
            let part = part(parts, Q);
            let width = bad.len();
            part.1 = dtype;
            part.3 = vec![0; 72 * width];
            part.3[15 * width..16 * width].copy_from_slice(&bad); // 15 = 2 x 6 + 3
        });
        let (tensor, reason) = refusal(false, &[&bytes]);
        assert_eq!(tensor, Q);
        assert!(reason.contains(" at [2, 3]"), "{reason}");
    }
    let bytes = changed(&decoder(false), |parts| {
        part(parts, NORM).3[4..8].copy_from_slice(&f32::INFINITY.to_le_bytes());
    });
    assert_eq!(
        refusal(false, &[&bytes]),
        (
            NORM.to_string(),
            "is inf at [1]: the weights are damaged".to_string()
        )
    );
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = decoder(false).to_safetensors().unwrap();
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        let (_, reason) = refusal(false, &[&whole[..length]]);
        assert!(reason.contains("truncated"), "{length} bytes: {reason}");
    }
    let mut longer = whole.clone();
    longer.extend([0; 3]);
    let (_, reason) = refusal(false, &[&longer]);
    assert!(reason.contains("of which the header explains"), "{reason}");
}

#[test]
fn a_header_that_lies_is_refused_by_tensor() {
    let file = |header: &str, data: usize| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(vec![0; data]);
        bytes
    };
    let cases = [
        (
            r#"{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,16]}}"#,
            "a",
            "but data_offsets 0..16",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}"#,
            "a",
            "but data_offsets 16..0",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}"#,
            "a",
            "truncated",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[9223372036854775807,9],"data_offsets":[0,16]}}"#,
            "a",
            "but data_offsets",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#,
            "safetensors file",
            "cannot be read",
        ),
        (
            r#"{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}"#,
            "a",
            "expected F32, BF16 or F16",
        ),
        ("[1, 2]", "safetensors file", "cannot be read"),
        ("{\"a\":", "safetensors file", "cannot be read"),
    ];
    for (header, tensor, reason) in cases {
        let found = refusal(false, &[&file(header, 16)]);
        assert!(
            found.0.starts_with(tensor) && found.1.contains(reason),
            "{header}: {found:?}"
        );
    }
    let mut huge = u64::MAX.to_le_bytes().to_vec();
    huge.extend(b"{}");
    assert!(refusal(false, &[&huge]).1.contains("truncated"));
}

#[test]
fn bf16_weights_are_not_trained_by_mistake() {
    let mut decoder = decoder(false);
    decoder.narrow();
    assert!(
        decoder
            .parameters_mut()
            .unwrap_err()
            .to_string()
            .contains("is frozen")
    );
    decoder.widen();
    assert!(decoder.parameters_mut().is_ok());
}

/// What is written through a name is what is stored under it.
#[test]
fn a_parameter_is_the_tensor_of_its_name() {
    for tied in [false, true] {
        let mut decoder = decoder(tied);
        for (number, (_, values)) in (1..).zip(decoder.parameters_mut().unwrap()) {
            values.fill(number as f32);
        }
        let names: Vec<String> = decoder
            .parameters_mut()
            .unwrap()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        for (name, tensor) in decoder.tensors() {
            let number = 1 + names.iter().position(|n| *n == name).unwrap();
            let values = match tensor {
                Named::Matrix(weight) => weight.to_f32(),
                Named::Vector(values) => values.to_vec(),
            };
            assert!(values.iter().all(|&v| v == number as f32), "{name}");
        }
    }
}

#[test]
fn freezing_changes_no_bit_and_can_be_undone() {
    for tied in [false, true] {
        let plain = decoder(tied);
        let mut frozen = plain.clone();
        frozen.freeze();
        let batch = crate::TokenBatch::causal(&[3, 1, 4, 1, 5]);
        let logits = |decoder: &Decoder| {
            let hidden = decoder.forward_hidden(&batch, None).unwrap();
            decoder.logits(&hidden).unwrap()
        };
        assert_eq!(logits(&frozen), logits(&plain));
        assert_eq!(
            frozen.to_safetensors().unwrap(),
            plain.to_safetensors().unwrap()
        );
        assert!(frozen.parameters_mut().is_err());
        frozen.widen();
        assert_eq!(frozen, plain);
    }
}

#[test]
fn random_weights_depend_on_the_seed_alone() {
    assert_eq!(
        Decoder::random(config(false), 5).unwrap(),
        Decoder::random(config(false), 5).unwrap()
    );
    assert_ne!(
        Decoder::random(config(false), 5).unwrap(),
        Decoder::random(config(false), 6).unwrap()
    );
}

#[test]
fn a_file_has_the_same_bytes_every_time() {
    let data = [1.0, 2.0];
    let one = || {
        let stored = |shape| Stored {
            dtype: Dtype::F32,
            shape,
            data: StoredData::F32(&data),
        };
        write_file(vec![
            ("b".into(), stored(vec![2])),
            ("a".into(), stored(vec![1, 2])),
        ])
        .unwrap()
    };
    assert_eq!(one(), one());
}
