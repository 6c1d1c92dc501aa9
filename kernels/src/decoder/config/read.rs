//! Which field of a `config.json` says what.

use serde_json::Value;

use super::{DecoderConfig, ModelType};
use crate::decoder::fields::{Fields, refused};
use crate::error::Result;

/// Fields that cannot change a log-probability: names of things, token ids, what a generation or a fine-tuning would use,
/// how the reference computes the same numbers, how weights were initialised. A trailing or leading `*` stands for any text.
pub(super) const IGNORED: [&str; 60] = [
    "_*",
    "transformers*",
    "unsloth*",
    "*_token_id",
    "torch_dtype",
    "dtype",
    "initializer_range",
    "use_cache",
    "pretraining_tp",
    "chunk_size_feed_forward",
    "max_window_layers",
    "is_llama_config",
    "is_decoder",
    "name_or_path",
    "tokenizer_class",
    "keys_to_ignore_at_inference",
    "torchscript",
    "use_bfloat16",
    "tf_legacy_loss",
    "attn_implementation",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "return_dict",
    "return_dict_in_generate",
    "use_return_dict",
    "id2label",
    "label2id",
    "num_labels",
    "problem_type",
    "finetuning_task",
    "task_specific_params",
    "prefix",
    "max_length",
    "min_length",
    "max_new_tokens",
    "do_sample",
    "early_stopping",
    "num_beams",
    "num_beam_groups",
    "diversity_penalty",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
    "repetition_penalty",
    "length_penalty",
    "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size",
    "bad_words_ids",
    "num_return_sequences",
    "remove_invalid_values",
    "exponential_decay_length_penalty",
    "suppress_tokens",
    "begin_suppress_tokens",
    "epsilon_cutoff",
    "eta_cutoff",
    "forced_*",
    "cross_attention_hidden_size",
    "model_max_length",
];

/// The configuration in `fields`, every field that is understood taken out.
pub(super) fn read(fields: &mut Fields) -> Result<DecoderConfig> {
    let name = fields
        .text("model_type")?
        .ok_or_else(|| refused("model_type", "is missing; \"llama\" or \"qwen2\""))?;
    let (model_type, architecture) = match name.as_str() {
        "llama" => (ModelType::Llama, "LlamaForCausalLM"),
        "qwen2" => (ModelType::Qwen2, "Qwen2ForCausalLM"),
        _ => {
            return Err(refused(
                "model_type",
                format!(
                    "{name:?} is not implemented; \"llama\" and \"qwen2\" are (Qwen2.5 is \"qwen2\")"
                ),
            ));
        }
    };
    fields.must_be("architectures", |value| {
        value == &serde_json::json!([architecture])
    })?;
    let qwen2 = model_type == ModelType::Qwen2;

    let hidden_size = fields.size("hidden_size")?;
    let num_attention_heads = fields.size("num_attention_heads")?;
    let head_dim = match fields.optional_size("head_dim")? {
        Some(head_dim) => head_dim,
        None if hidden_size % num_attention_heads == 0 => hidden_size / num_attention_heads,
        None => {
            return Err(refused(
                "hidden_size",
                format!(
                    "{hidden_size} is not a multiple of num_attention_heads = {num_attention_heads}, and there is no head_dim"
                ),
            ));
        }
    };

    fields.must_be("hidden_act", |value| value == "silu" || value == "swish")?;
    for name in [
        "use_sliding_window",
        "rope_interleaved",
        "use_mrope",
        "is_encoder_decoder",
        "tie_encoder_decoder",
        "add_cross_attention",
    ] {
        fields.must_be(name, |value| value == &Value::Bool(false))?;
    }
    fields.must_be("attention_dropout", |value| value.as_f64() == Some(0.0))?;
    fields.must_be("partial_rotary_factor", |value| value.as_f64() == Some(1.0))?;
    fields.must_be("pruned_heads", |value| value == &serde_json::json!({}))?;
    fields.must_be("layer_types", |value| {
        value
            .as_array()
            .is_some_and(|all| all.iter().all(|one| one == "full_attention"))
    })?;
    if qwen2 {
        // Without use_sliding_window the width of the window is not looked at.
        fields.take("sliding_window");
    }
    let (rope_theta, rope_scaling_factor) = read_rope(fields)?;
    // A qwen2 file may say what is so in any case.
    if qwen2 {
        fields.must_be("attention_bias", |value| value == &Value::Bool(true))?;
        fields.must_be("mlp_bias", |value| value == &Value::Bool(false))?;
    }
    Ok(DecoderConfig {
        model_type,
        vocab_size: fields.size("vocab_size")?,
        hidden_size,
        intermediate_size: fields.size("intermediate_size")?,
        num_hidden_layers: fields.size("num_hidden_layers")?,
        num_attention_heads,
        num_key_value_heads: fields
            .optional_size("num_key_value_heads")?
            .unwrap_or(num_attention_heads),
        head_dim,
        max_position_embeddings: fields
            .optional_size("max_position_embeddings")?
            .unwrap_or(if qwen2 { 32_768 } else { 2_048 }),
        rms_norm_eps: fields.number("rms_norm_eps")?.unwrap_or(1e-6) as f32,
        rope_theta,
        rope_scaling_factor,
        attention_bias: qwen2 || fields.flag("attention_bias")?.unwrap_or(false),
        mlp_bias: !qwen2 && fields.flag("mlp_bias")?.unwrap_or(false),
        tie_word_embeddings: fields.flag("tie_word_embeddings")?.unwrap_or(false),
    })
}

/// theta and the linear scaling factor, from either spelling.
fn read_rope(fields: &mut Fields) -> Result<(f64, f64)> {
    let outer_theta = fields.number("rope_theta")?;
    let old = fields.object("rope_scaling")?;
    let new = fields.object("rope_parameters")?;
    let mut rope = match (old, new) {
        (Some(_), Some(_)) => {
            return Err(refused(
                "rope_scaling",
                "stands beside rope_parameters: keep one of the two spellings",
            ));
        }
        (Some(fields), None) | (None, Some(fields)) => fields,
        (None, None) => return Ok((outer_theta.unwrap_or(10_000.0), 1.0)),
    };
    let theta = match (outer_theta, rope.number("rope_theta")?) {
        (Some(outer), Some(inner)) if outer != inner => {
            return Err(refused(
                "rope_theta",
                format!("is {outer} outside and {inner} inside {}", rope.path()),
            ));
        }
        (outer, inner) => inner.or(outer).unwrap_or(10_000.0),
    };
    let old_type = rope.text("type")?;
    let new_type = rope.text("rope_type")?;
    if let (Some(old), Some(new)) = (&old_type, &new_type)
        && old != new
    {
        return Err(rope.refused("rope_type", format!("is {new:?}, but type is {old:?}")));
    }
    let name = if new_type.is_some() {
        "rope_type"
    } else {
        "type"
    };
    let factor = match new_type.or(old_type).as_deref() {
        None | Some("default") => 1.0,
        Some("linear") => rope.number("factor")?.ok_or_else(|| {
            rope.refused("factor", "is missing, and linear scaling divides by it")
        })?,
        Some(other) => {
            return Err(rope.refused(
                name,
                format!("{other:?} is not implemented; \"default\" and \"linear\" are"),
            ));
        }
    };
    rope.must_be("partial_rotary_factor", |value| value.as_f64() == Some(1.0))?;
    rope.finish(&[])?;
    Ok((theta, factor))
}
