//! Student's t and the logarithm of the gamma function, for intervals and exact tests.
//!
//! Source: Press et al., Numerical Recipes, 3rd edition, 6.1 (Lanczos) and 6.4 (the continued fraction by Lentz).

/// `ln Γ(x)` for x > 0, to some 1e-14 of its size (Lanczos, g = 7).
pub fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let terms = (1..).zip(COEFFICIENTS);
    let sum: f64 = terms.map(|(at, c)| c / (x + f64::from(at))).sum();
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t
        + (0.999_999_999_999_809_9 + sum).ln()
}

/// The t that a share of 0.95 lies within, on either side of zero: the quantile of 0.975.
pub fn t_95(degrees_of_freedom: f64) -> f64 {
    // With one degree it is 12.7, its largest.
    let (mut low, mut high) = (1.0, 13.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        match outside(middle, degrees_of_freedom) > 0.05 {
            true => low = middle,
            false => high = middle,
        }
    }
    0.5 * (low + high)
}

/// The chance of |T| > t.
fn outside(t: f64, degrees_of_freedom: f64) -> f64 {
    let x = degrees_of_freedom / (degrees_of_freedom + t * t);
    incomplete_beta(0.5 * degrees_of_freedom, 0.5, x)
}

/// The regularized incomplete beta function I_x(a, b).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction converges fast on one side; the other follows by symmetry.
    match x < (a + 1.0) / (a + b + 2.0) {
        true => front * fraction(a, b, x) / a,
        false => 1.0 - front * fraction(b, a, 1.0 - x) / b,
    }
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let not_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut product = d;
    for step in 1..400 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = product;
        for term in [even, odd] {
            d = 1.0 / not_zero(1.0 + term * d);
            c = not_zero(1.0 + term / c);
            product *= d * c;
        }
        if (product - before).abs() <= 1e-15 * product.abs() {
            break;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAMMALN: [(f64, f64); 6] = [
        (0.5, 0.5723649429247),
        (1.0, 0.0),
        (1.5, -0.12078223763524526),
        (7.25, 7.0521854507385395),
        (100.0, 359.1342053695754),
        (10001.0, 82108.92783681436),
    ];
    const T_PPF: [(f64, f64); 7] = [
        (1.0, 12.706204736174694),
        (2.0, 4.302652729749462),
        (3.0, 3.1824463052837078),
        (6.0, 2.4469118511449786),
        (29.0, 2.045229642132703),
        (99.0, 1.9842169515864174),
        (9999.0, 1.960201263621357),
    ];

    /// `scipy.special.gammaln` and `scipy.stats.t.ppf(0.975, df)`, scipy 1.17.1.
    #[test]
    fn both_are_scipys() {
        for (x, expected) in GAMMALN {
            let error = (ln_gamma(x) - expected).abs();
            assert!(error <= 1e-12 * expected.abs().max(1.0), "{x}: {error:e}");
        }
        for (degrees, expected) in T_PPF {
            let error = (t_95(degrees) - expected).abs();
            assert!(error < 1e-9, "{degrees}: {error:e}");
        }
    }
}
