use half::bf16;

use super::*;
use crate::checks::{filled, numbers};

/// V 5, C 3; values small enough to be exact in bf16.
fn table() -> Vec<f32> {
    (0..15).map(|i| i as f32 - 7.0).collect()
}

pub(crate) async fn forward(device: &Device) {
    let wide = Weight::f32(5, 3, table()).unwrap();
    let narrow = Weight::bf16(5, 3, table().into_iter().map(bf16::from_f32).collect()).unwrap();
    for table in [wide, narrow] {
        let table = table.to(device).unwrap();
        let mut out = filled(device, f32::NAN, 4, 3);
        embedding(&[4, 0, 4, 2], &table, &mut out).unwrap();
        let rows = [
            [5.0, 6.0, 7.0],
            [-7.0, -6.0, -5.0],
            [5.0, 6.0, 7.0],
            [-1.0, 0.0, 1.0],
        ];
        assert_eq!(numbers(&out).await, rows.concat());
        embedding(&[], &table, &mut filled(device, f32::NAN, 0, 3)).unwrap();
    }
}

pub(crate) async fn gradients(device: &Device) {
    let d_out = Tensor::from_vec(3, 2, vec![1.0, 2.0, 10.0, 20.0, 100.0, 200.0]).unwrap();
    let mut d_table = filled(device, 0.5, 3, 2);
    embedding_backward(&[2, 0, 2], &d_out.to(device).unwrap(), &mut d_table).unwrap();
    let expected = [10.5, 20.5, 0.5, 0.5, 101.5, 202.5];
    assert_eq!(numbers(&d_table).await, expected);
    embedding_backward(&[], &filled(device, 1.0, 0, 2), &mut d_table).unwrap();
    assert_eq!(numbers(&d_table).await, expected);
    // More than a software adapter's loops have rounds.
    let ids: Vec<u32> = (0..70_001).map(|n| n % 3).collect();
    let mut d_table = filled(device, 0.0, 3, 2);
    embedding_backward(&ids, &filled(device, 1.0, ids.len(), 2), &mut d_table).unwrap();
    let counts = [23_334.0, 23_334.0, 23_334.0, 23_334.0, 23_333.0, 23_333.0];
    assert_eq!(numbers(&d_table).await, counts);
}
