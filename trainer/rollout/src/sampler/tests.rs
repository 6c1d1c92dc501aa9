use super::*;

fn sampler(temperature: f32, top_k: usize, top_p: f32) -> Sampler {
    Sampler::new(SamplingConfig {
        temperature,
        top_k,
        top_p,
    })
    .unwrap()
}

/// The distribution by its definition, in f64, with a full sort: (token, probability) of what is left, by id.
fn oracle(logits: &[f32], config: SamplingConfig) -> Vec<(u32, f64)> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut tokens: Vec<(u32, f64)> = (0u32..)
        .zip(logits)
        .map(|(token, logit)| {
            (
                token,
                (f64::from(logit - max) / f64::from(config.temperature)).exp(),
            )
        })
        .collect();
    tokens.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if config.top_k > 0 {
        tokens.truncate(config.top_k);
    }
    let mass: f64 = tokens.iter().map(|(_, weight)| weight).sum();
    let mut before = 0.0;
    tokens.retain(|(_, weight)| {
        let stays = before < f64::from(config.top_p) * mass;
        before += weight;
        stays
    });
    let mass: f64 = tokens.iter().map(|(_, weight)| weight).sum();
    tokens.sort_by_key(|(token, _)| *token);
    tokens
        .into_iter()
        .map(|(token, weight)| (token, weight / mass))
        .collect()
}

/// Logits of a vocabulary that is no multiple of a block, from a counter-based stream.
fn logits(seed: u64, len: usize, spread: f64) -> Vec<f32> {
    let mut stream = Stream::new(seed, &[]);
    (0..len)
        .map(|_| (spread * stream.normal()) as f32)
        .collect()
}

/// Pearson's statistic of 20,000 draws against the oracle, compared with the 99.99 % point of chi-square by Wilson and Hilferty's
/// approximation k (1 - 2/(9k) + 3.72 sqrt(2/(9k)))^3.
#[test]
fn draws_follow_the_distribution() {
    let logits = logits(1, 37, 1.5);
    for (temperature, top_k, top_p) in [
        (1.0, 0, 1.0),
        (0.6, 0, 1.0),
        (1.7, 9, 1.0),
        (1.0, 0, 0.8),
        (1.3, 20, 0.7),
    ] {
        let mut sampler = sampler(temperature, top_k, top_p);
        let expected = oracle(&logits, sampler.config);
        let draws = 20_000;
        let mut counts = vec![0f64; logits.len()];
        for position in 0..draws {
            let draw = sampler
                .draw(&logits, uniform(5, 0, 0, 0, position))
                .unwrap();
            counts[draw.token as usize] += 1.0;
        }
        let drawn: f64 = expected
            .iter()
            .map(|(token, _)| counts[*token as usize])
            .sum();
        assert_eq!(drawn, draws as f64, "a token was drawn that was cut off");
        let statistic: f64 = expected
            .iter()
            .map(|(token, p)| {
                (counts[*token as usize] - p * draws as f64).powi(2) / (p * draws as f64)
            })
            .sum();
        let k = (expected.len() - 1) as f64;
        let bound = k * (1.0 - 2.0 / (9.0 * k) + 3.72 * (2.0 / (9.0 * k)).sqrt()).powi(3);
        assert!(
            statistic < bound,
            "chi-square {statistic:.1} of {k} degrees exceeds {bound:.1} at {temperature} {top_k} {top_p}"
        );
    }
}

#[test]
fn log_probabilities_and_kept_tokens_are_the_oracles() {
    for (seed, len, spread) in [
        (1, 1, 1.0),
        (2, 5, 0.0),
        (3, 300, 0.01),
        (4, 1000, 2.0),
        (5, 5003, 4.0),
    ] {
        let logits = logits(seed, len, spread);
        for (temperature, top_k, top_p) in [
            (1.0, 0, 1.0),
            (0.5, 3, 1.0),
            (1.0, 0, 0.9),
            (2.0, 200, 0.95),
            (1.0, len, 0.5),
            (1.0, len + 7, 1.0),
            (1.0, 0, 1e-6),
            (1.0, 0, 0.9999),
        ] {
            let mut sampler = sampler(temperature, top_k, top_p);
            let expected = oracle(&logits, sampler.config);
            for position in 0..20 {
                let draw = sampler
                    .draw(&logits, uniform(seed, 1, 2, 3, position))
                    .unwrap();
                let (_, p) = expected
                    .iter()
                    .find(|(token, _)| *token == draw.token)
                    .expect("the token was not cut off");
                let error = (f64::from(draw.logprob) - p.ln()).abs();
                assert!(
                    error < 2e-6 * (1.0 + p.ln().abs()),
                    "log-probability {} instead of {}",
                    draw.logprob,
                    p.ln()
                );
            }
            if let Some(kept) = sampler.kept() {
                // Sums in another order may differ in the last bit, and the boundary token with them: one token either way.
                assert!(
                    kept.len().abs_diff(expected.len()) <= 1,
                    "{} kept, expected {}",
                    kept.len(),
                    expected.len()
                );
                assert!(kept.is_sorted());
            } else {
                assert_eq!(expected.len(), len);
            }
        }
    }
}

#[test]
fn top_p_keeps_the_smallest_set_that_reaches_the_mass() {
    // Probabilities 1/2, 1/4, 1/8, 1/8.
    let logits: Vec<f32> = [0.25f64, 0.125, 0.5, 0.125]
        .iter()
        .map(|p| p.ln() as f32)
        .collect();
    let kept = |top_p: f32| {
        let mut sampler = sampler(1.0, 0, top_p);
        sampler.draw(&logits, 0.0).unwrap();
        sampler.kept().unwrap().to_vec()
    };
    assert_eq!(kept(0.01), [2]);
    assert_eq!(kept(0.49), [2]);
    assert_eq!(kept(0.51), [0, 2]);
    assert_eq!(kept(0.74), [0, 2]);
    assert_eq!(
        kept(0.76),
        [0, 1, 2],
        "of two equal tokens the lower id stays"
    );
    assert_eq!(kept(0.9), [0, 1, 2, 3]);
}

#[test]
fn top_k_keeps_exactly_k_and_the_lower_ids_of_equals() {
    let mut sampler = sampler(1.0, 2, 1.0);
    let draw = sampler.draw(&[1.0, 3.0, 1.0, 1.0], 0.999_999).unwrap();
    assert_eq!(sampler.kept(), Some([0, 1].as_slice()));
    assert_eq!(draw.token, 1);
    // e^3 / (e^3 + e^1) = 0.880797
    assert!(
        (draw.logprob - 0.880_797f32.ln()).abs() < 1e-6,
        "{}",
        draw.logprob
    );
}

#[test]
fn temperature_zero_is_greedy_and_the_lowest_id_of_equals() {
    let mut sampler = sampler(0.0, 5, 0.5);
    for uniform in [0.0, 0.5, 0.999_999_999] {
        let draw = sampler.draw(&[0.0, 2.0, -1.0, 2.0], uniform).unwrap();
        assert_eq!(draw.token, 1);
        // e^2 / (1 + 2 e^2 + e^-1) = 0.457640
        assert!(
            (draw.logprob - 0.457_640f32.ln()).abs() < 2e-6,
            "{}",
            draw.logprob
        );
    }
    assert_eq!(sampler.kept(), None);
}

#[test]
fn a_very_low_temperature_is_greedy_without_nan() {
    let draw = sampler(1e-30, 0, 1.0)
        .draw(&[0.0, 2.0, -1.0], 0.999)
        .unwrap();
    assert_eq!(
        draw,
        Draw {
            token: 1,
            logprob: 0.0
        }
    );
}

#[test]
fn the_ends_of_the_uniform_interval_draw_possible_tokens() {
    // Tokens whose weight underflows to zero stand at both ends.
    let logits = [-500.0, 0.0, 0.0, -500.0];
    for (top_k, top_p) in [(0, 1.0), (3, 1.0), (0, 0.999_999_9)] {
        let mut sampler = sampler(1.0, top_k, top_p);
        assert_eq!(sampler.draw(&logits, 0.0).unwrap().token, 1);
        assert_eq!(
            sampler
                .draw(&logits, 1.0 - f64::EPSILON / 2.0)
                .unwrap()
                .token,
            2
        );
        assert_eq!(
            sampler.draw(&logits, 1.0).unwrap().token,
            2,
            "rounding may reach the mass"
        );
    }
}

#[test]
fn a_shift_of_all_logits_changes_no_draw() {
    let logits = logits(9, 4097, 3.0);
    // A power of two that leaves the sums exact for most values; the draws are far from the boundaries anyway.
    let shifted: Vec<f32> = logits.iter().map(|logit| logit + 8.0).collect();
    for (top_k, top_p) in [(0, 1.0), (50, 1.0), (0, 0.9)] {
        let (mut a, mut b) = (sampler(1.0, top_k, top_p), sampler(1.0, top_k, top_p));
        let same = (0..200)
            .filter(|position| {
                let uniform = uniform(2, 0, 0, 0, *position);
                a.draw(&logits, uniform).unwrap().token == b.draw(&shifted, uniform).unwrap().token
            })
            .count();
        assert!(same >= 199, "{same} of 200 draws agree");
    }
}

#[test]
fn a_sampler_remembers_nothing_of_earlier_draws() {
    let (long, short) = (logits(3, 3000, 2.0), logits(4, 31, 2.0));
    let mut used = sampler(0.9, 40, 0.9);
    used.draw(&long, 0.3).unwrap();
    let again = used.draw(&short, 0.7).unwrap();
    let mut fresh = sampler(0.9, 40, 0.9);
    assert_eq!(fresh.draw(&short, 0.7).unwrap(), again);
    assert_eq!(fresh.kept(), used.kept());
}

#[test]
fn uniform_numbers_depend_on_every_coordinate() {
    let base = [3, 5, 7, 11, 13];
    let draw = |[seed, step, prompt, sample, position]: [u64; 5]| {
        uniform(seed, step, prompt, sample, position)
    };
    assert_eq!(draw(base), draw(base));
    for coordinate in 0..5 {
        let mut other = base;
        other[coordinate] += 1;
        assert_ne!(draw(base), draw(other), "coordinate {coordinate}");
    }
    assert!((0..1000).all(|position| (0.0..1.0).contains(&uniform(0, 0, 0, 0, position))));
}

#[test]
fn logits_that_are_not_finite_are_an_error_that_names_the_token() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for temperature in [0.0, 1.0] {
            let error = sampler(temperature, 0, 1.0)
                .draw(&[0.0, 1.0, bad, 2.0], 0.5)
                .unwrap_err()
                .to_string();
            assert!(error.contains("token 2"), "{error}");
        }
    }
    assert!(
        sampler(1.0, 0, 1.0)
            .draw(&[], 0.5)
            .unwrap_err()
            .to_string()
            .contains("empty")
    );
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    for (temperature, top_p, name) in [
        (-1.0, 1.0, "temperature"),
        (f32::NAN, 1.0, "temperature"),
        (1e-39, 1.0, "temperature"),
        (f32::INFINITY, 1.0, "temperature"),
        (1.0, 0.0, "top_p"),
        (1.0, 1.5, "top_p"),
        (1.0, f32::NAN, "top_p"),
    ] {
        let error = SamplingConfig {
            temperature,
            top_k: 0,
            top_p,
        }
        .validate()
        .unwrap_err()
        .to_string();
        assert!(error.starts_with(name), "{error}");
    }
}

#[test]
fn ranks_order_by_logit_and_then_by_token() {
    let logits = [f32::MAX, 3.5, 3.5, 1e-40, 0.0, -0.0, -1e-40, -2.0, f32::MIN];
    let ranks: Vec<u64> = (0..)
        .zip(logits)
        .map(|(token, logit)| rank(logit, token))
        .collect();
    assert!(ranks.is_sorted_by(|a, b| a < b));
    assert!(rank(0.0, 4) < rank(-0.0, 5) && rank(-0.0, 4) < rank(0.0, 5));
    assert!(
        (0..)
            .zip(ranks)
            .all(|(token, rank)| token_of(rank) == token)
    );
}
