//! What a command computes on: `--device auto|cpu|gpu|gpu:N`.

use std::str::FromStr;

use anyhow::Result;
use recode_kernels::Device;
#[cfg(feature = "gpu")]
use recode_kernels::gpu::{Adapter, AdapterKind, Gpu, adapters};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first adapter that is a GPU and can be used, else the processor; never a software adapter.
    Auto,
    /// The processor.
    #[default]
    Cpu,
    /// The first adapter, whatever it is.
    Gpu,
    /// The adapter of this index.
    Adapter(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("gpu:").map(str::parse)) {
            ("auto", _) => Ok(DeviceChoice::Auto),
            ("cpu", _) => Ok(DeviceChoice::Cpu),
            ("gpu", _) => Ok(DeviceChoice::Gpu),
            (_, Some(Ok(index))) => Ok(DeviceChoice::Adapter(index)),
            _ => Err("use auto, cpu, gpu, or gpu:N with the number that `recode-trainer devices` gives an adapter".to_owned()),
        }
    }
}

/// Which device.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct DeviceArgs {
    /// What to compute on: cpu, gpu, gpu:N, or auto, which is a GPU where there is one (see `recode-trainer devices`). One GPU has been timed, an
    /// H200, which is the faster; of others nobody knows yet, so that the default is the processor
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceChoice,
}

impl DeviceArgs {
    /// Opens what was asked for, and says so where it is a GPU.
    ///
    /// # Errors
    /// There is no such adapter, or it cannot be used.
    pub fn open(self) -> Result<Device> {
        self.device.open()
    }
}

#[cfg(not(feature = "gpu"))]
impl DeviceChoice {
    fn open(self) -> Result<Device> {
        match self {
            DeviceChoice::Auto | DeviceChoice::Cpu => Ok(Device::Cpu),
            _ => anyhow::bail!(
                "this program was built without GPUs: build it with --features gpu, or use --device cpu"
            ),
        }
    }
}

#[cfg(feature = "gpu")]
impl DeviceChoice {
    fn open(self) -> Result<Device> {
        let open = |index| pollster::block_on(Gpu::open(index));
        let gpu = match self {
            DeviceChoice::Cpu => return Ok(Device::Cpu),
            DeviceChoice::Auto => match automatic(&pollster::block_on(adapters())).map(open) {
                Some(Ok(gpu)) => gpu,
                Some(Err(error)) => {
                    crate::report::remark(&format!("device     the processor: {error}"));
                    return Ok(Device::Cpu);
                }
                None => return Ok(Device::Cpu),
            },
            DeviceChoice::Gpu => open(0)?,
            DeviceChoice::Adapter(index) => open(index)?,
        };
        let Adapter { name, kind, .. } = gpu.adapter();
        crate::report::remark(&format!("device     {name}"));
        if *kind == AdapterKind::Software {
            crate::report::remark(
                "attention  it is no GPU: the processor plays one, and is faster as itself (--device cpu)",
            );
        }
        Ok(Device::Gpu(gpu))
    }
}

/// The adapter that `auto` takes.
#[cfg(feature = "gpu")]
pub fn automatic(adapters: &[Adapter]) -> Option<usize> {
    let gpu = adapters
        .iter()
        .find(|adapter| adapter.kind != AdapterKind::Software);
    gpu.map(|adapter| adapter.index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "gpu")]
    #[test]
    fn the_first_adapter_that_is_no_software_is_taken_by_itself() {
        use recode_kernels::gpu::Limits;
        let adapters = |kinds: &[AdapterKind]| -> Vec<Adapter> {
            let of = |(index, &kind)| Adapter {
                index,
                name: String::new(),
                kind,
                backend: String::new(),
                driver: String::new(),
                limits: Limits {
                    buffer_bytes: 0,
                    buffers: 0,
                    cube_units: 0,
                    shared_bytes: 0,
                    cubes: 0,
                },
                memory_bytes: None,
            };
            kinds.iter().enumerate().map(of).collect()
        };
        use AdapterKind::{Discrete, Integrated, Other, Software, Virtual};
        let of = |kinds: &[AdapterKind]| automatic(&adapters(kinds));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[Software, Software]), None);
        assert_eq!(of(&[Integrated, Discrete, Software]), Some(0));
        for kind in [Discrete, Integrated, Virtual, Other] {
            assert_eq!(of(&[Software, kind]), Some(1), "{kind:?}");
        }
    }

    #[test]
    fn a_device_is_named_in_one_of_four_ways() {
        let parsed = |text: &str| text.parse::<DeviceChoice>();
        assert_eq!(parsed("auto"), Ok(DeviceChoice::Auto));
        assert_eq!(parsed("gpu:12"), Ok(DeviceChoice::Adapter(12)));
        for wrong in ["", "GPU", "gpu:", "gpu:-1", "gpu:x", "cuda"] {
            assert!(
                parsed(wrong).unwrap_err().contains("use auto, cpu"),
                "{wrong}"
            );
        }
    }
}
