//! Without an adapter: logits, log-probabilities, entropies, and gradients of all weights.

use pollster::block_on;
use recode_kernels::batch::TokenBatch;
use recode_kernels::decoder::{Decoder, Trained, WeightGradients};

use crate::case::{
    Expected, Golden, MODELS, TOLERANCE, Wanted, assert_all_close, assert_close, devices, logprobs,
};

#[test]
fn logits_are_those_of_transformers() {
    for golden in MODELS.map(Golden::open) {
        let expected = golden.expected("expected.safetensors");
        let case = &golden.case;
        let ids = [case.prompt.as_slice(), case.completions.last().unwrap()].concat();
        let batch = TokenBatch::causal(&ids);
        for device in devices() {
            let decoder = golden.decoder().to(&device).unwrap();
            let hidden = decoder.forward_hidden(&batch, None).unwrap();
            let logits = block_on(decoder.logits(&hidden).unwrap().read()).unwrap();
            let what = format!("{} on {device:?}", golden.name);
            assert_close(&what, logits.data(), &expected["logits"], TOLERANCE);
        }
    }
}

#[test]
fn gradients_of_all_weights_are_those_of_transformers() {
    for golden in MODELS.map(Golden::open) {
        let expected = golden.expected("expected.safetensors");
        for device in devices() {
            let decoder = golden.decoder().to(&device).unwrap();
            for wanted in [golden.shared(), golden.repeated()] {
                let gradients = full_gradients(&golden, &decoder, &wanted, &expected);
                let gradients = block_on(gradients.read()).unwrap();
                let what = format!("{} on {device:?}", golden.name);
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

fn full_gradients(
    golden: &Golden,
    decoder: &Decoder,
    wanted: &Wanted,
    expected: &Expected,
) -> WeightGradients {
    let mut gradients = WeightGradients::new(decoder).unwrap();
    let activations = decoder.forward(&wanted.batch, None, None).unwrap();
    let (found, d_hidden) = logprobs(
        decoder,
        &activations.hidden,
        wanted,
        |_| golden.case.coefficients.clone(),
        Some(&mut gradients),
    );
    assert_close(
        "logprobs",
        &found.logprobs,
        &expected["logprobs"],
        TOLERANCE,
    );
    assert_close("entropy", &found.entropy, &expected["entropy"], TOLERANCE);
    let trained = Trained::Full {
        gradients: &mut gradients,
    };
    decoder
        .backward(&wanted.batch, None, &activations, &d_hidden, trained)
        .unwrap();
    gradients
}
