//! An adapter's configuration: what PEFT's `adapter_config.json` says, as far as it is implemented.
//!
//! Reference: peft 0.21, `tuners/lora/config.py`. As with a decoder's configuration, an option that changes the computation
//! and is not implemented is an error that names it, and so is one that nobody here has heard of.

use serde_json::{Value, json};

use crate::decoder::fields::{Fields, refused};
use crate::decoder::target::Target;
use crate::error::Result;

/// A LoRA or DoRA adapter's hyper-parameters; field names are PEFT's.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterConfig {
    /// R, the rank of B A.
    pub r: usize,
    /// B A is scaled by `lora_alpha / r`.
    pub lora_alpha: f64,
    /// Share of the adapter's inputs that training sets to zero.
    pub lora_dropout: f64,
    /// Whether there is a magnitude per output row (DoRA).
    pub use_dora: bool,
    /// The linear maps that have an adapter, in every layer; in the order of [`Target::ALL`], each once.
    pub target_modules: Vec<Target>,
}

/// Options that cannot change what a saved adapter computes: where it came from, and how PEFT runs it.
const IGNORED: [&str; 9] = [
    "auto_mapping",
    "base_model_name_or_path",
    "ensure_weight_tying", // is about embeddings, which are no targets here
    "inference_mode",
    "megatron_core", // read only beside a megatron_config
    "peft_version",
    "qalora_group_size", // read only where use_qalora is true
    "revision",
    "runtime_config", // where tensors lie while PEFT computes
];

impl AdapterConfig {
    /// Reads the text of an `adapter_config.json`.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for text that is not a JSON object, another kind of adapter, and every option
    /// that is missing, absurd, not implemented or unknown, by its name.
    pub fn from_json(text: &str) -> Result<Self> {
        let mut fields = Fields::parse("adapter_config.json", text)?;
        let kind = fields.text("peft_type")?;
        if kind.as_deref() != Some("LORA") {
            let kind = kind.unwrap_or_else(|| "missing".to_string());
            return Err(refused(
                "peft_type",
                format!("is {kind}; only \"LORA\" (with or without DoRA) is implemented"),
            ));
        }
        for name in ["fan_in_fan_out", "lora_bias", "use_qalora", "use_rslora"] {
            fields.must_be(name, |value| value == &Value::Bool(false))?;
        }
        fields.must_be("bias", |value| value == "none")?;
        fields.must_be("task_type", |value| value == "CAUSAL_LM")?;
        for name in ["rank_pattern", "alpha_pattern", "loftq_config"] {
            fields.must_be(name, |value| value == &json!({}))?;
        }
        for name in ["modules_to_save", "exclude_modules", "layers_pattern"] {
            fields.must_be(name, |value| value == &json!([]))?;
        }
        // Other ways to begin (pissa, olora, corda, loftq, ...) also change the base model that the adapter belongs to.
        fields.must_be("init_lora_weights", |value| {
            value.is_boolean() || value == "gaussian" || value == "orthogonal" || value == "eva"
        })?;
        fields.take("eva_config");
        let config = Self {
            r: fields.size("r")?,
            lora_alpha: fields
                .number("lora_alpha")?
                .ok_or_else(|| refused("lora_alpha", "is missing"))?,
            lora_dropout: fields.number("lora_dropout")?.unwrap_or(0.0),
            use_dora: fields.flag("use_dora")?.unwrap_or(false),
            target_modules: read_targets(&mut fields)?,
        };
        fields.finish(&IGNORED)?;
        config.check()?;
        Ok(config)
    }

    /// The text of an `adapter_config.json` that PEFT reads; `base_model` is what it shows as the model's name or path.
    #[must_use]
    pub fn to_json(&self, base_model: Option<&str>) -> String {
        let whole = self.lora_alpha.fract() == 0.0 && self.lora_alpha.abs() < 1e15;
        let alpha = match whole {
            true => json!(self.lora_alpha as i64), // PEFT's type for it
            false => json!(self.lora_alpha),
        };
        let targets: Vec<&str> = self.target_modules.iter().map(|t| t.name()).collect();
        let value = json!({
            "base_model_name_or_path": base_model,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "lora_alpha": alpha,
            "lora_dropout": self.lora_dropout,
            "modules_to_save": null,
            "peft_type": "LORA",
            "r": self.r,
            "target_modules": targets,
            "task_type": "CAUSAL_LM",
            "use_dora": self.use_dora,
            "use_rslora": false,
        });
        format!("{value:#}\n")
    }

    /// What can be wrong with a configuration however it was made.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) that names the field.
    pub fn check(&self) -> Result<()> {
        if self.r == 0 {
            return Err(refused("r", "is 0, must be at least 1"));
        }
        if !(self.lora_alpha.is_finite() && self.lora_alpha > 0.0) {
            let reason = format!("is {}, must be positive and finite", self.lora_alpha);
            return Err(refused("lora_alpha", reason));
        }
        if !(0.0..1.0).contains(&self.lora_dropout) {
            let reason = format!("is {}, must be from 0 to below 1", self.lora_dropout);
            return Err(refused("lora_dropout", reason));
        }
        if self.target_modules.is_empty() {
            return Err(refused(
                "target_modules",
                "is empty: nothing would be trained",
            ));
        }
        if !self.target_modules.is_sorted_by(|a, b| a < b) {
            return Err(refused(
                "target_modules",
                "must be in the order of a layer, each once",
            ));
        }
        Ok(())
    }

    /// s, what B A is multiplied with.
    #[must_use]
    pub fn scaling(&self) -> f32 {
        (self.lora_alpha / self.r as f64) as f32
    }
}

/// PEFT writes a list in the order of a set, or a string: `all-linear`, or one name.
fn read_targets(fields: &mut Fields) -> Result<Vec<Target>> {
    let names = match fields.take("target_modules") {
        None => return Err(refused("target_modules", "is missing")),
        Some(Value::String(text)) if text == "all-linear" => return Ok(Target::ALL.to_vec()),
        Some(Value::String(text)) => vec![Value::String(text)],
        Some(Value::Array(names)) => names,
        Some(other) => {
            return Err(refused(
                "target_modules",
                format!("is {other}, expected a list of names"),
            ));
        }
    };
    let mut targets = names
        .iter()
        .map(|name| match name.as_str() {
            Some(name) => name.parse(),
            None => Err(refused("target_modules", format!("holds {name}"))),
        })
        .collect::<Result<Vec<Target>>>()?;
    targets.sort_unstable();
    targets.dedup();
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// As peft 0.21.2 writes it.
    fn saved() -> Value {
        json!({
            "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null,
            "base_model_name_or_path": "models/smollm2", "bias": "none", "corda_config": null, "ensure_weight_tying": false,
            "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
            "init_lora_weights": true, "kasa_config": null, "layer_replication": null, "layers_pattern": null,
            "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 64, "lora_bias": false, "lora_dropout": 0.01,
            "lora_ga_config": null, "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null,
            "monteclora_config": null, "peft_type": "LORA", "peft_version": "0.21.2", "qalora_group_size": 16, "r": 32,
            "rank_pattern": {}, "revision": null, "target_modules": ["v_proj", "q_proj"], "target_parameters": null,
            "task_type": "CAUSAL_LM", "trainable_token_indices": null, "use_bdlora": null, "use_dora": true,
            "use_qalora": false, "use_rslora": false, "velora_config": null,
        })
    }

    #[test]
    fn what_peft_writes_is_read_and_what_is_written_reads_back() {
        let config = AdapterConfig::from_json(&saved().to_string()).unwrap();
        assert_eq!(config.target_modules, [Target::QProj, Target::VProj]);
        assert_eq!(config.scaling(), 2.0); // 64 / 32
        let text = config.to_json(Some("somewhere"));
        assert_eq!(AdapterConfig::from_json(&text).unwrap(), config);
        assert!(text.contains("\"lora_alpha\": 64,"), "{text}");
    }

    #[test]
    fn an_option_that_changes_the_computation_is_named() {
        let cases = [
            ("peft_type", json!("IA3")),
            ("use_rslora", json!(true)),
            ("modules_to_save", json!(["lm_head"])),
            ("rank_pattern", json!({"q_proj": 4})),
            ("alpha_pattern", json!({"q_proj": 4})),
            ("bias", json!("all")),
            ("lora_bias", json!(true)),
            ("fan_in_fan_out", json!(true)),
            ("layers_to_transform", json!([0, 1])),
            ("layer_replication", json!([[0, 4], [2, 5]])),
            ("init_lora_weights", json!("pissa")),
            ("target_parameters", json!(["mlp.weight"])),
            ("trainable_token_indices", json!([5])),
            ("alora_invocation_tokens", json!([5])),
            ("kasa_config", json!({})),
            ("task_type", json!("SEQ_CLS")),
            ("target_modules", json!(["q_proj", "lm_head"])),
            ("target_modules", json!(".*attn.*")),
            ("target_modules", json!([])),
            ("r", json!(0)),
            ("r", json!(null)),
            ("lora_alpha", json!(0)),
            ("lora_dropout", json!(1.0)),
            ("a_later_option", json!(1)),
        ];
        for (name, value) in cases {
            let mut changed = saved();
            changed[name] = value;
            match AdapterConfig::from_json(&changed.to_string()) {
                Err(Error::Config { field, .. }) => assert_eq!(field, name),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn all_linear_are_the_seven() {
        let mut all = saved();
        all["target_modules"] = json!("all-linear");
        let config = AdapterConfig::from_json(&all.to_string()).unwrap();
        assert_eq!(config.target_modules, Target::ALL);
    }
}
