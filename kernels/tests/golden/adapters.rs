//! With adapters that peft wrote: log-probabilities, gradients by tensor name, dropout, ten AdamW steps, files.

use pollster::block_on;
use recode_kernels::Device;
use recode_kernels::decoder::{Adapter, AdapterConfig, Decoder, Dropout, Trained};
use recode_kernels::ops::adamw::{AdamW, adamw};
use recode_kernels::ops::linear_logprob::Logprobs;

use crate::case::{
    Golden, MODELS, TOLERANCE, Wanted, assert_all_close, assert_close, devices, logprobs,
};

const ADAPTERS: [&str; 2] = ["dora_all", "lora_default"];

/// Every model on every device.
fn cases() -> Vec<(Golden, Device)> {
    let models = |device: Device| MODELS.map(|name| (Golden::open(name), device.clone()));
    devices().into_iter().flat_map(models).collect()
}

/// Log-probabilities and the adapter's gradients, which are read.
fn pass(
    decoder: &Decoder,
    adapter: &Adapter,
    wanted: &Wanted,
    dropout: Option<&Dropout>,
    d_logprobs: impl Fn(&Logprobs) -> Vec<f32>,
) -> (Logprobs, Adapter) {
    let merged = decoder.merge(adapter).unwrap();
    let activations = decoder
        .forward(&wanted.batch, Some(&merged), dropout)
        .unwrap();
    let (found, d_hidden) = logprobs(decoder, &activations.hidden, wanted, d_logprobs, None);
    let mut gradients = adapter.zeros_like().unwrap();
    let trained = Trained::Adapter {
        adapter,
        merged: &merged,
        gradients: &mut gradients,
    };
    decoder
        .backward(&wanted.batch, dropout, &activations, &d_hidden, trained)
        .unwrap();
    (found, block_on(gradients.read()).unwrap())
}

#[test]
fn gradients_are_those_of_peft() {
    for (golden, device) in cases() {
        let decoder = golden.decoder().to(&device).unwrap();
        for name in ADAPTERS {
            let expected = golden.expected(&format!("{name}/expected.safetensors"));
            let adapter = golden.adapter(name).to(&device).unwrap();
            for wanted in [golden.shared(), golden.repeated()] {
                let coefficients = |_: &_| golden.case.coefficients.clone();
                let (found, gradients) = pass(&decoder, &adapter, &wanted, None, coefficients);
                assert_close(
                    "logprobs",
                    &found.logprobs,
                    &expected["logprobs"],
                    TOLERANCE,
                );
                let what = format!("{} {name} on {device:?}", golden.name);
                assert_all_close(
                    &what,
                    "grad.",
                    &gradients.parameters(),
                    &expected,
                    TOLERANCE,
                );
            }
        }
    }
}

#[test]
fn dropout_goes_the_way_of_peft() {
    for (golden, device) in cases() {
        let decoder = golden.decoder().to(&device).unwrap();
        let expected = golden.expected("dora_all/expected.safetensors");
        let adapter = golden.adapter("dora_all").to(&device).unwrap();
        for wanted in [golden.shared(), golden.repeated()] {
            let dropout = golden.dropout(&wanted);
            let coefficients = |_: &_| golden.case.coefficients.clone();
            let (found, gradients) =
                pass(&decoder, &adapter, &wanted, Some(&dropout), coefficients);
            assert_close(
                "logprobs",
                &found.logprobs,
                &expected["dropout.logprobs"],
                TOLERANCE,
            );
            assert_all_close(
                "dropout",
                "dropout.grad.",
                &gradients.parameters(),
                &expected,
                TOLERANCE,
            );
        }
    }
}

#[test]
fn ten_adamw_steps_go_where_those_of_torch_go() {
    for golden in MODELS.map(Golden::open) {
        let decoder = golden.decoder();
        let expected = golden.expected("dora_all/expected.safetensors");
        let mut adapter = golden.adapter("dora_all");
        let (mut m, mut v) = (adapter.zeros_like().unwrap(), adapter.zeros_like().unwrap());
        let constants = &golden.case.adamw;
        let config = AdamW {
            learning_rate: constants.learning_rate,
            beta1: constants.beta1,
            beta2: constants.beta2,
            epsilon: constants.epsilon,
            weight_decay: constants.weight_decay,
        };
        let wanted = golden.shared();
        let count = wanted.requests.len();
        let mean = |_: &_| vec![-1.0 / count as f32; count];
        let mut losses = Vec::new();
        for step in 1..=constants.steps + 1 {
            let (found, gradients) = pass(&decoder, &adapter, &wanted, None, mean);
            let sum: f64 = found.logprobs.iter().map(|&l| f64::from(l)).sum();
            losses.push((-sum / count as f64) as f32);
            if step > constants.steps {
                break;
            }
            let state = m.parameters_mut().into_iter().zip(v.parameters_mut());
            let parameters = adapter
                .parameters_mut()
                .into_iter()
                .zip(gradients.parameters());
            for (((_, param), (_, grad)), ((_, m), (_, v))) in parameters.zip(state) {
                adamw(param, grad, m, v, step, &config).unwrap();
            }
        }
        let torch: Vec<f32> = golden.case.losses.iter().map(|&l| l as f32).collect();
        assert_close(golden.name, &losses, &torch, TOLERANCE);
        let what = format!("{} after ten steps", golden.name);
        assert_all_close(
            &what,
            "trained.",
            &adapter.parameters(),
            &expected,
            TOLERANCE,
        );
    }
}

#[test]
fn what_peft_wrote_is_written_again_byte_for_byte() {
    for golden in MODELS.map(Golden::open) {
        for name in ADAPTERS {
            let adapter = golden.adapter(name);
            let bytes = adapter.to_safetensors().unwrap();
            let tensors = |bytes: &[u8]| {
                let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
                let mut all: Vec<_> = file
                    .tensors()
                    .into_iter()
                    .map(|(name, view)| (name, view.shape().to_vec(), view.data().to_vec()))
                    .collect();
                all.sort();
                all
            };
            let file = golden.read(&format!("{name}/adapter_model.safetensors"));
            assert_eq!(tensors(&bytes), tensors(&file));
            assert_eq!(bytes, file, "{name}: the whole file");
            let text = adapter.config().to_json(None);
            assert_eq!(&AdapterConfig::from_json(&text).unwrap(), adapter.config());
        }
    }
}
