//! What peft and transformers shall read: `tests/golden/check_peft.py` looks at what this writes.
//!
//! Runs where `RECODE_HANDOVER` names a folder to write to.

use std::path::PathBuf;

use recode_kernels::decoder::{Adapter, AdapterConfig, Target, Trained};
use recode_kernels::ops::adamw::{AdamW, adamw};

use crate::case::{Golden, MODELS, logprobs};

#[test]
fn handover() {
    let Some(out) = std::env::var_os("RECODE_HANDOVER").map(PathBuf::from) else {
        eprintln!("RECODE_HANDOVER is not set: not run");
        return;
    };
    for golden in MODELS.map(Golden::open) {
        for (kind, use_dora) in [("dora", true), ("lora", false)] {
            let folder = out.join(format!("{}-{kind}", golden.name));
            std::fs::create_dir_all(folder.join("merged")).unwrap();
            let decoder = golden.decoder();
            let config = AdapterConfig {
                r: 4,
                lora_alpha: 6.0,
                lora_dropout: 0.05,
                use_dora,
                target_modules: vec![Target::QProj, Target::VProj, Target::DownProj],
            };
            let mut adapter = Adapter::init(&config, &decoder, 7).unwrap();
            let (mut m, mut v) = (adapter.zeros_like().unwrap(), adapter.zeros_like().unwrap());
            let adam = AdamW {
                learning_rate: 1e-2,
                ..AdamW::default()
            };
            let wanted = golden.shared();
            let count = wanted.requests.len();
            for step in 1..=8 {
                let merged = decoder.merge(&adapter).unwrap();
                let activations = decoder.forward(&wanted.batch, Some(&merged), None).unwrap();
                let mean = |_: &_| vec![-1.0 / count as f32; count];
                let (found, d_hidden) =
                    logprobs(&decoder, &activations.hidden, &wanted, mean, None);
                if step == 8 {
                    let text = serde_json::to_string(&found.logprobs).unwrap();
                    std::fs::write(folder.join("logprobs.json"), text).unwrap();
                    let bytes = adapter.to_safetensors().unwrap();
                    std::fs::write(folder.join("adapter_model.safetensors"), bytes).unwrap();
                    let text = config.to_json(Some(golden.name));
                    std::fs::write(folder.join("adapter_config.json"), text).unwrap();
                    let bytes = decoder
                        .clone()
                        .with_merged(merged)
                        .to_safetensors()
                        .unwrap();
                    std::fs::write(folder.join("merged/model.safetensors"), bytes).unwrap();
                    let text = golden.read("config.json");
                    std::fs::write(folder.join("merged/config.json"), text).unwrap();
                    break;
                }
                let mut gradients = adapter.zeros_like().unwrap();
                let trained = Trained::Adapter {
                    adapter: &adapter,
                    merged: &merged,
                    gradients: &mut gradients,
                };
                decoder
                    .backward(&wanted.batch, None, &activations, &d_hidden, trained)
                    .unwrap();
                let state = m.parameters_mut().into_iter().zip(v.parameters_mut());
                let parameters = adapter
                    .parameters_mut()
                    .into_iter()
                    .zip(gradients.parameters());
                for (((_, param), (_, grad)), ((_, m), (_, v))) in parameters.zip(state) {
                    adamw(param, grad, m, v, step, &adam).unwrap();
                }
            }
        }
    }
}
