use pollster::block_on;

use super::checks::{Case, and_one, cases, group, ids};
use super::*;
use crate::TokenBatch;
use crate::ops::lanes::narrower;
use crate::oracle::attention as oracle;
use crate::oracle::{check_close, check_gradient, wide};

#[test]
fn gradients_are_central_differences_of_the_oracle() {
    for case in cases().into_iter().filter(|case| case.spans.len() < 30) {
        let [q, k, v, d_out] = [&case.q, &case.k, &case.v, &case.d_out].map(|x| wide(x.data()));
        let loss = |q: &[f64], k: &[f64], v: &[f64]| -> f64 {
            let (out, _) = oracle::attention(case.sizes, q, k, v, &case.spans);
            out.iter().zip(&d_out).map(|(o, d)| o * d).sum()
        };
        let [d_q, d_k, d_v] = case.backward();
        let check = |d: &Tensor, x: &[f64], loss: &dyn Fn(&[f64]) -> f64| {
            check_gradient(
                case.name,
                &and_one(d.data()),
                &and_one(x),
                1e-5,
                5e-6,
                |x| {
                    let (one, x) = x.split_last().unwrap();
                    loss(x) + one
                },
            )
            .unwrap();
        };
        check(&d_q, &q, &|q| loss(q, &k, &v));
        check(&d_k, &k, &|k| loss(&q, k, &v));
        check(&d_v, &v, &|v| loss(&q, &k, v));
    }
}

/// Decoding every token of every segment, each from the rows it sees, gives what the forward pass gave.
#[test]
fn decoding_from_a_cache_is_the_forward_pass() {
    for case in cases() {
        let [out, _] = case.forward();
        let kv = |rows: std::ops::Range<usize>| KeyValues {
            k: case.k.rows_data(rows.clone()),
            v: case.v.rows_data(rows),
        };
        let segments: Vec<_> = crate::batch::segments(&case.spans).collect();
        let prompts: Vec<_> = segments.iter().map(|s| kv(s.prefix.clone())).collect();
        let rows: Vec<_> = segments
            .iter()
            .enumerate()
            .flat_map(|(prompt, s)| {
                let start = s.rows.start;
                s.rows.clone().map(move |i| (prompt, start..i + 1))
            })
            .map(|(prompt, own)| DecodeRow {
                prompt,
                own: kv(own),
            })
            .collect();
        let mut decoded = Tensor::full(case.q.rows(), case.q.cols(), f32::NAN);
        let (heads, kv_heads) = (case.sizes.heads, case.sizes.kv_heads);
        attention_decode(&case.q, &prompts, &rows, heads, kv_heads, &mut decoded).unwrap();
        check_close(case.name, decoded.data(), &wide(out.data()), 1e-6).unwrap();

        for (m, row) in rows.iter().enumerate().step_by(7) {
            let q = Tensor::from_vec(1, case.q.cols(), case.q.row(m).to_vec()).unwrap();
            let mut alone = Tensor::full(1, case.q.cols(), f32::NAN);
            attention_decode(&q, &prompts, &[*row], heads, kv_heads, &mut alone).unwrap();
            assert_eq!(alone.data(), decoded.row(m), "{}: row {m} alone", case.name);
        }
    }
}

/// A group behind one prompt against the prompt repeated before every completion: the results are equal, and the
/// prompt's gradient is the sum over the repetitions.
#[test]
fn a_shared_prompt_is_a_repeated_prompt() {
    let (prompt, completions) = (83, [70, 1, 37]);
    let shared = Case::new("shared", [9, 3, 16], group(prompt, &completions));
    let [out, _] = shared.forward();
    let shared_gradients = shared.backward();

    let mut summed: Vec<Vec<f64>> = [&shared.k, &shared.v]
        .map(|x| vec![0.0; prompt * x.cols()])
        .to_vec();
    let mut first = prompt;
    for (i, len) in completions.into_iter().enumerate() {
        let rows: Vec<usize> = (0..prompt).chain(first..first + len).collect();
        let take = |x: &Tensor| {
            let numbers = rows.iter().flat_map(|&i| x.row(i).to_vec()).collect();
            Tensor::from_vec(rows.len(), x.cols(), numbers).unwrap()
        };
        let mut case = Case::new("repeated", [9, 3, 16], TokenBatch::causal(&ids(rows.len())));
        [case.q, case.k, case.v, case.d_out] =
            [&shared.q, &shared.k, &shared.v, &shared.d_out].map(take);
        // The prompt's own outputs count once.
        if i > 0 {
            let cols = case.d_out.cols();
            case.d_out.data_mut()[..prompt * cols].fill(0.0);
        }
        let [repeated, _] = case.forward();
        let own = wide(out.rows_data(first..first + len));
        check_close("out", repeated.rows_data(prompt..prompt + len), &own, 1e-6).unwrap();
        let [_, d_k, d_v] = case.backward();
        for (sum, part) in summed.iter_mut().zip([d_k, d_v]) {
            let part = wide(part.rows_data(0..prompt));
            sum.iter_mut()
                .zip(part)
                .for_each(|(sum, part)| *sum += part);
        }
        first += len;
    }
    for (what, (got, sum)) in ["d_k", "d_v"]
        .iter()
        .zip(shared_gradients[1..].iter().zip(&summed))
    {
        check_close(what, got.rows_data(0..prompt), sum, 3e-6).unwrap();
    }
}

/// Scores of +-1e4 would overflow exp without the running maximum; the favourite key wins alone.
#[test]
fn huge_scores_give_the_favourite_value() {
    let mut case = Case::new("huge", [1, 1, 10], TokenBatch::causal(&ids(100)));
    case.q.fill(1e3);
    for j in 0..100 {
        case.k.row_mut(j).fill(if j == 40 { 3.0 } else { -3.0 });
    }
    let [out, log_sum_exp] = case.forward();
    // 10 * 1e3 * 3 / sqrt(10) = 9486.8.
    assert!((log_sum_exp.row(99)[0] - 9486.8).abs() < 0.1);
    check_close("out", out.row(99), &wide(case.v.row(40)), 1e-6).unwrap();
}

#[test]
fn not_a_number_in_a_key_reaches_those_who_see_it_and_nobody_else() {
    let mut case = Case::new("nan", [6, 3, 10], group(20, &[30, 5]));
    case.k.row_mut(25)[3] = f32::NAN;
    let [out, _] = case.forward();
    for i in 0..case.spans.len() {
        let sees = (25..50).contains(&i);
        // Column 3 belongs to key-value head 0, which query heads 0 and 1 read.
        assert_eq!(out.row(i)[..20].iter().all(|x| x.is_nan()), sees, "row {i}");
        assert!(out.row(i)[20..].iter().all(|x| x.is_finite()), "row {i}");
    }
}

/// More keys than one block, so that what was summed is rescaled; 8 rows of 2 heads fill whole vectors, so that the NaN stands in every
/// lane once, the last one too.
#[test]
fn not_a_number_in_a_query_leaves_the_others_as_they_are() {
    let mut case = Case::new("nan", [6, 3, 10], group(150, &[8, 8]));
    let [clean, _] = case.forward();
    let rows = case.spans.len();
    for nan in rows - 16..rows {
        let before = case.q.row(nan).to_vec();
        case.q.row_mut(nan)[13] = f32::NAN; // head 1
        let [out, _] = case.forward();
        case.q.row_mut(nan).copy_from_slice(&before);
        for i in 0..rows {
            for head in 0..6 {
                let of = |x: &Tensor| x.row(i)[head * 10..][..10].to_vec();
                match (i, head) == (nan, 1) {
                    true => assert!(of(&out).iter().all(|x| x.is_nan()), "row {i}"),
                    false => assert_eq!(of(&out), of(&clean), "row {i}, head {head}, NaN in {nan}"),
                }
            }
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            cases()
                .iter()
                .flat_map(|case| {
                    let [out, log_sum_exp] = case.forward();
                    let [d_q, d_k, d_v] = case.backward();
                    [out, log_sum_exp, d_q, d_k, d_v]
                })
                .flat_map(|x| x.data().iter().map(|x| x.to_bits()).collect::<Vec<_>>())
                .collect::<Vec<u32>>()
        })
    };
    let one = with_threads(1);
    assert_eq!(one, with_threads(2));
    assert_eq!(one, with_threads(5));
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let case = Case::new("refused", [6, 3, 10], TokenBatch::causal(&ids(7)));
    let refusal = |operands: Operands<'_>| {
        let mut out = Tensor::zeros(7, 60);
        attention(&operands, &mut out, &mut Tensor::zeros(7, 6))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refusal(Operands {
            kv_heads: 4,
            ..case.operands()
        }),
        "attention: heads is 6, but must be a multiple of kv_heads, 4, and not zero"
    );
    assert_eq!(
        refusal(Operands {
            k: &case.q,
            ..case.operands()
        }),
        "attention: k has shape [7, 60], expected [7, 30]"
    );
    assert_eq!(
        refusal(Operands {
            spans: &case.spans[1..],
            ..case.operands()
        }),
        "attention: spans has shape [6], expected [7]"
    );
    let mut unsound = case.spans.clone();
    unsound[6].prefix = 0..7;
    assert_eq!(
        refusal(Operands {
            spans: &unsound,
            ..case.operands()
        }),
        "attention: spans row 6 begins a segment but its span starts at 0"
    );
    let blind = DecodeRow {
        prompt: 0,
        own: KeyValues::default(),
    };
    let q = Tensor::zeros(1, 60);
    let decode = |row, prompts: &[KeyValues<'_>]| {
        attention_decode(&q, prompts, &[row], 6, 3, &mut Tensor::zeros(1, 60))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        decode(blind, &[KeyValues::default()]),
        "attention_decode: rows has no token to see in row 0"
    );
    assert_eq!(
        decode(blind, &[]),
        "attention_decode: rows[0].prompt is 0, but must be below 0"
    );
    let short = KeyValues {
        k: &[0.0; 60],
        v: &[0.0; 30],
    };
    assert_eq!(
        decode(blind, &[short]),
        "attention_decode: prompts has shape [60, 30], expected [60, 60]"
    );
}

#[test]
fn every_instruction_set_agrees_with_the_oracle() {
    narrower::each(|| {
        block_on(checks::forward(&Device::Cpu));
        block_on(checks::gradients(&Device::Cpu));
        decoding_from_a_cache_is_the_forward_pass();
    });
}
