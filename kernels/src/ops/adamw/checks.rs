use super::{AdamW, adamw};
use crate::Device;
use crate::oracle::adamw::adamw as exact;
use crate::oracle::{check_close, sample, wide};

pub(super) const CONFIG: AdamW = AdamW {
    learning_rate: 5e-3,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-6,
    weight_decay: 0.1,
};

pub(crate) async fn steps(device: &Device) {
    match device {
        Device::Cpu => on_the_processor(),
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => {
            on_gpu::clipped(device, 0.5).await;
            on_gpu::clipped(device, 0.0).await;
            on_gpu::what_is_not_finite_is_seen(device).await;
            on_gpu::subnormal_gradients_spoil_nothing(device).await;
        }
    }
}

/// Ten steps with ten gradients: more than two tasks, an odd length, one parameter, none.
pub(super) fn on_the_processor() {
    for len in [40_001, 7, 1, 0] {
        let mut param = sample(1, len);
        let mut exact_param = wide(&param);
        let (mut m, mut v) = (vec![0.0; len], vec![0.0; len]);
        let (mut exact_m, mut exact_v) = (vec![0.0; len], vec![0.0; len]);
        for step in 1..=10 {
            let grad = sample(100 + step, len);
            adamw(&mut param, &grad, &mut m, &mut v, step, &CONFIG).unwrap();
            exact(
                &mut exact_param,
                &wide(&grad),
                &mut exact_m,
                &mut exact_v,
                step,
                &CONFIG,
            );
        }
        check_close("param", &param, &exact_param, 1e-6).unwrap();
        check_close("m", &m, &exact_m, 1e-6).unwrap();
        check_close("v", &v, &exact_v, 1e-6).unwrap();
    }
}

#[cfg(feature = "gpu")]
mod on_gpu {
    use super::super::{CLIP_EPSILON, Step, Tensors, clipped_adamw};
    use super::{CONFIG, check_close, exact, sample, wide};
    use crate::checks::{numbers, sampled};
    use crate::{Device, Tensor};

    fn refs(tensors: &[Tensor]) -> Vec<&Tensor> {
        tensors.iter().collect()
    }

    /// Some in one run of more blocks than a cube has units, one apart from them, odd lengths, one number, none.
    struct Case {
        param: Vec<Tensor>,
        m: Vec<Tensor>,
        v: Vec<Tensor>,
    }

    const SHAPES: [[usize; 2]; 5] = [[7, 61], [1, 1], [0, 3], [1031, 1021], [3, 5]];

    impl Case {
        fn new(device: &Device) -> Self {
            let host = SHAPES.map(|[rows, cols]| sampled(&Device::Cpu, 1, rows, cols));
            let mut param = Tensor::all_to(&host.each_ref(), device).unwrap();
            let mut m = Tensor::zeros_like_all(&refs(&param)).unwrap();
            let v = Tensor::zeros_like_all(&refs(&param)).unwrap();
            param[4] = sampled(device, 1, 3, 5);
            m[4] = Tensor::zeros_on(device, 3, 5).unwrap();
            Self { param, m, v }
        }

        async fn step(&self, grad: &[Tensor], step: u64, limit: f64) -> Step {
            let tensors = Tensors {
                param: &refs(&self.param),
                grad: &refs(grad),
                m: &refs(&self.m),
                v: &refs(&self.v),
            };
            clipped_adamw(tensors, step, &CONFIG, limit).await.unwrap()
        }
    }

    pub(super) async fn clipped(device: &Device, limit: f64) {
        let case = Case::new(device);
        let lengths = SHAPES.map(|[rows, cols]| rows * cols);
        let mut param = lengths.map(|len| wide(&sample(1, len)));
        let (mut m, mut v) = (lengths.map(|n| vec![0.0; n]), lengths.map(|n| vec![0.0; n]));
        for step in 1..=10 {
            let host = SHAPES.map(|[rows, cols]| sampled(&Device::Cpu, 100 + step, rows, cols));
            let grad = Tensor::all_to(&host.each_ref(), device).unwrap();
            let done = case.step(&grad, step, limit).await;

            let mut exact_grad = host.each_ref().map(|tensor| wide(tensor.data()));
            let squares = exact_grad.iter().flatten().map(|g| g * g);
            let norm = squares.sum::<f64>().sqrt();
            if limit > 0.0 {
                let factor = (limit / (norm + CLIP_EPSILON)).min(1.0);
                exact_grad.iter_mut().flatten().for_each(|g| *g *= factor);
            }
            assert!((done.norm - norm).abs() < 1e-6 * norm, "{done:?} {norm}");
            assert!(done.gradients_finite && done.parameters_finite);
            for i in 0..SHAPES.len() {
                let grad = &exact_grad[i];
                exact(&mut param[i], grad, &mut m[i], &mut v[i], step, &CONFIG);
            }
        }
        for i in 0..SHAPES.len() {
            let close = async |what, tensor: &Tensor, expected: &[f64]| {
                check_close(what, &numbers(tensor).await, expected, 3e-6).unwrap();
            };
            close("param", &case.param[i], &param[i]).await;
            close("m", &case.m[i], &m[i]).await;
            close("v", &case.v[i], &v[i]).await;
        }
    }

    pub(super) async fn what_is_not_finite_is_seen(device: &Device) {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let case = Case::new(device);
            let mut host = SHAPES.map(|[rows, cols]| Tensor::zeros(rows, cols));
            *host[3].data_mut().last_mut().unwrap() = bad;
            let grad = Tensor::all_to(&host.each_ref(), device).unwrap();
            let done = case.step(&grad, 1, 1.0).await;
            assert!(
                !done.gradients_finite && !done.parameters_finite,
                "{bad}: {done:?}"
            );
        }
        // Squares leave the range of f32, their root does not, and clipped they are what they would be.
        let case = Case::new(device);
        let mut host = SHAPES.map(|[rows, cols]| Tensor::zeros(rows, cols));
        host[0].data_mut()[0] = 3e38;
        host[4].data_mut()[14] = -3e38;
        let grad = Tensor::all_to(&host.each_ref(), device).unwrap();
        let done = case.step(&grad, 1, 1.0).await;
        let norm = 3e38 * 2f64.sqrt();
        assert!(
            (done.norm - norm).abs() < 1e-6 * norm && done.gradients_finite,
            "{done:?}"
        );
        let m = numbers(&case.m[4]).await;
        assert!((f64::from(m[14]) + 0.1 / 2f64.sqrt()).abs() < 1e-6, "{m:?}");
    }

    /// Below 2^-126 adapters may take a number for zero, or its inverse for infinite.
    pub(super) async fn subnormal_gradients_spoil_nothing(device: &Device) {
        for largest in [0.0, 3e-39, 2.0] {
            for limit in [1.0, 1e-36, 0.0] {
                let case = Case::new(device);
                let mut host = SHAPES.map(|[rows, cols]| Tensor::zeros(rows, cols));
                host[0].data_mut()[0] = 1e-40;
                host[3].data_mut()[5000] = -1e-40;
                host[4].data_mut()[14] = largest;
                let grad = Tensor::all_to(&host.each_ref(), device).unwrap();
                let done = case.step(&grad, 1, limit).await;
                let off = (done.norm - f64::from(largest)).abs();
                assert!(off < 1e-38, "{largest} {limit}: {done:?}");
                assert!(done.gradients_finite && done.parameters_finite, "{done:?}");
                let m = numbers(&case.m[4]).await;
                let factor = match limit > 0.0 {
                    true => (limit / (f64::from(largest) + CLIP_EPSILON)).min(1.0),
                    false => 1.0,
                };
                let expected = 0.1 * f64::from(largest) * factor;
                let off = (f64::from(m[14]) - expected).abs();
                assert!(off < 1e-6 * expected + 1e-38, "{largest} {limit}: {m:?}");
            }
        }
    }
}
