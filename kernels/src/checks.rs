//! What every op has to be on every device: close to the oracle, forward and backward, on odd shapes.
//!
//! Bodies stand beside their ops, as `ops/<op>/checks.rs`, and panic where something is wrong. They are asynchronous because a browser reads
//! from its GPU in no other way; [`ALL`] names them for whoever runs them there.

use std::future::Future;
use std::pin::Pin;

#[cfg(feature = "gpu")]
use crate::gpu::{AdapterKind, Opening};
use crate::oracle::sample;
use crate::{Device, Tensor, ops};

/// A check, once it is given a device.
pub type Check = for<'a> fn(&'a Device) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

macro_rules! checks {
    ($($op:ident :: $check:ident,)+) => {
        /// Every check, by name.
        pub const ALL: &[(&str, Check)] = &[$((
            concat!(stringify!($op), "::", stringify!($check)),
            |device| Box::pin(ops::$op::checks::$check(device)),
        ),)+];
    };
}

checks! {
    adamw::steps,
    adapter::forward,
    adapter::gradients,
    add::copies,
    add::sums,
    attention::forward,
    attention::gradients,
    embedding::forward,
    embedding::gradients,
    linear::deep_gradient,
    linear::forward,
    linear::fused,
    linear::gradients,
    linear_logprob::forward,
    linear_logprob::gradients,
    rms_norm::forward,
    rms_norm::gradients,
    rope::forward,
    rope::gradients,
    silu_mul::forward,
    silu_mul::gradients,
}

/// How a GPU is opened for them: as it is, and with weights in parts of a few rows, logits of a few rows at a time, sums in shared memory alone, and
/// cut as for a GPU. On a GPU nothing is tried as it is cut for software adapters: those kernels add in order, which rounds further from the
/// oracle there, and run nowhere else.
#[cfg(feature = "gpu")]
#[must_use]
pub fn openings() -> [Opening; 2] {
    let otherwise = Opening {
        weight_bytes: 3000,
        logit_bytes: 9000,
        planes: false,
        cut_for: Some(AdapterKind::Discrete),
    };
    [Opening::default(), otherwise]
}

/// A matrix of the numbers of [`sample`], on the device.
pub(crate) fn sampled(device: &Device, seed: u64, rows: usize, cols: usize) -> Tensor {
    let data = sample(seed, rows * cols);
    let host = Tensor::from_vec(rows, cols, data).expect("as many as asked for");
    host.to(device).expect("fits")
}

/// A matrix that holds `value` everywhere, on the device: NaN where something is to be written.
pub(crate) fn filled(device: &Device, value: f32, rows: usize, cols: usize) -> Tensor {
    let host = Tensor::full(rows, cols, value);
    host.to(device).expect("fits")
}

/// The numbers of a tensor of any device.
pub(crate) async fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.read().await.expect("was computed").into_vec()
}

/// How far off a result may be: on the processor, whose exponentials and roots are our own or IEEE's, and on GPUs, whose are the driver's.
pub(crate) fn within(device: &Device, cpu: f64, gpu: f64) -> f64 {
    match device {
        Device::Cpu => cpu,
        #[cfg(feature = "gpu")]
        Device::Gpu(_) => gpu,
    }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;

    /// Of one check, on the processor.
    pub(crate) fn on_the_cpu(name: &str) {
        let (_, check) = ALL.iter().find(|(known, _)| *known == name).unwrap();
        block_on(check(&Device::Cpu));
    }

    #[test]
    fn every_op_is_right_on_the_cpu() {
        for (name, _) in ALL {
            on_the_cpu(name);
        }
    }

    #[cfg(feature = "gpu")]
    #[test]
    fn every_op_is_right_on_every_adapter() {
        let adapters = block_on(crate::gpu::adapters());
        assert!(
            !adapters.is_empty(),
            "no adapter: install mesa-vulkan-drivers"
        );
        let mut planes = std::collections::BTreeSet::new();
        for adapter in adapters {
            for opening in openings() {
                let gpu = block_on(crate::gpu::Gpu::open_with(adapter.index, opening)).unwrap();
                planes.insert(gpu.planes());
                println!("{}, {opening:?}, planes {}", adapter.name, gpu.planes());
                let device = Device::Gpu(gpu);
                for (name, check) in ALL {
                    println!("{name}");
                    block_on(check(&device));
                }
            }
        }
        // Lavapipe and SwiftShader have them.
        assert_eq!(planes.into_iter().collect::<Vec<_>>(), [false, true]);
    }
}
