//! Without an adapter: logits, log-probabilities, entropies, and gradients of all weights.

use recode_kernels::batch::TokenBatch;
use recode_kernels::decoder::{Decoder, Trained, WeightGradients};

use crate::case::{
    Expected, Golden, MODELS, TOLERANCE, Wanted, assert_all_close, assert_close, logprobs,
};

#[test]
fn logits_are_those_of_transformers() {
    for golden in MODELS.map(Golden::open) {
        let expected = golden.expected("expected.safetensors");
        let case = &golden.case;
        let ids = [case.prompt.as_slice(), case.completions.last().unwrap()].concat();
        let decoder = golden.decoder();
        let batch = TokenBatch::causal(&ids);
        let hidden = decoder.forward_hidden(&batch, None).unwrap();
        let logits = decoder.logits(&hidden).unwrap();
        assert_close(golden.name, logits.data(), &expected["logits"], TOLERANCE);
    }
}

#[test]
fn gradients_of_all_weights_are_those_of_transformers() {
    for golden in MODELS.map(Golden::open) {
        let expected = golden.expected("expected.safetensors");
        let decoder = golden.decoder();
        for wanted in [golden.shared(), golden.repeated()] {
            let gradients = full_gradients(&golden, &decoder, &wanted, &expected);
            let parameters = gradients.parameters();
            assert_all_close(golden.name, "grad.", &parameters, &expected, TOLERANCE);
        }
    }
}

fn full_gradients(
    golden: &Golden,
    decoder: &Decoder,
    wanted: &Wanted,
    expected: &Expected,
) -> WeightGradients {
    let mut gradients = WeightGradients::new(decoder);
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
