use super::*;
use crate::checks::{filled, numbers, sampled};
use crate::oracle::sample;

pub(crate) async fn sums(device: &Device) {
    // Less than a cube, more than one, more than an axis has, nothing.
    for [n, c] in [[3, 5], [70, 301], [70_000, 241], [0, 7]] {
        let (a, b) = (sampled(device, 1, n, c), sampled(device, 2, n, c));
        let mut out = filled(device, f32::NAN, n, c);
        add_into(&a, &b, &mut out).unwrap();
        let expected: Vec<f32> = sample(1, n * c)
            .iter()
            .zip(sample(2, n * c))
            .map(|(a, b)| a + b)
            .collect();
        assert_eq!(numbers(&out).await, expected);
        let mut y = sampled(device, 2, n, c);
        add(&a, &mut y).unwrap();
        assert_eq!(numbers(&y).await, expected);
    }
}

pub(crate) async fn copies(device: &Device) {
    for [n, c] in [[3, 5], [70, 301], [0, 7]] {
        let (x, row) = (sampled(device, 1, n, c), sampled(device, 2, 1, c));
        let mut y = filled(device, f32::NAN, n, c);
        copy(&x, &mut y).unwrap();
        assert_eq!(numbers(&y).await, sample(1, n * c));
        subtract_row(&row, &mut y).unwrap();
        let row = sample(2, c);
        let expected: Vec<f32> = sample(1, n * c)
            .chunks(c)
            .flat_map(|x| x.iter().zip(&row).map(|(x, r)| x - r).collect::<Vec<_>>())
            .collect();
        assert_eq!(numbers(&y).await, expected);
    }
}
