//! The adapters that wgpu finds, and those of the runtimes that are linked besides it (the features `cuda` and `hip`).

use std::sync::OnceLock;

use cubecl::Device;
use cubecl::wgpu::wgpu;
use serde::Serialize;

use super::device::CUBE_UNITS;
use crate::error::{Error, Result};

/// Buffers that the widest kernel binds, and one for the runtime's own use.
const BUFFERS: u32 = 8;
/// Memory that the units of a cube share in the widest kernel.
pub(crate) const SHARED_BYTES: u32 = 16 << 10;

/// What kind of machine an adapter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A GPU that a host lends to this machine.
    Virtual,
    /// The driver does not say.
    Other,
    /// No GPU: the processor plays one (lavapipe, SwiftShader, WARP). Slow, and right.
    Software,
}

impl From<wgpu::DeviceType> for AdapterKind {
    fn from(kind: wgpu::DeviceType) -> Self {
        match kind {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
            wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
            wgpu::DeviceType::Cpu => AdapterKind::Software,
            wgpu::DeviceType::Other => AdapterKind::Other,
        }
    }
}

/// What an adapter can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// The largest buffer that a kernel can bind, in bytes; a larger matrix is split by rows.
    pub buffer_bytes: u64,
    /// Buffers that a kernel can bind.
    pub buffers: u32,
    /// Units of a cube.
    pub cube_units: u32,
    /// Memory that a cube's units share, in bytes.
    pub shared_bytes: u32,
    /// Cubes along one axis.
    pub cubes: u32,
}

/// An adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adapter {
    /// Its place in the list: the N of `gpu:N`.
    pub index: usize,
    /// What its driver calls it.
    pub name: String,
    /// What it is.
    pub kind: AdapterKind,
    /// By which interface it is reached: `vulkan`, `metal`, `dx12`, `webgpu`, or another runtime's name.
    pub backend: String,
    /// The driver, and its version where it says so.
    pub driver: String,
    /// What it can do.
    pub limits: Limits,
    /// Bytes of its own memory, where it has some and that is known: by Vulkan on Linux.
    pub memory_bytes: Option<u64>,
}

/// An adapter that was found, not yet in use.
pub(super) enum Found {
    /// By wgpu.
    Wgpu(wgpu::Adapter),
    /// By another runtime.
    Linked(Device),
}

impl Adapter {
    pub(super) fn new(index: usize, found: &Found) -> Self {
        match found {
            Found::Wgpu(adapter) => Self::of_wgpu(index, adapter),
            Found::Linked(device) => Self::of_device(index, device),
        }
    }

    fn of_device(index: usize, device: &Device) -> Self {
        let client = device.client();
        let properties = client.properties();
        let (hardware, identity) = (&properties.hardware, &properties.identity);
        let (x, y, z) = hardware.max_cube_count;
        Self {
            index,
            name: identity.name.clone(),
            // These runtimes reach GPUs alone, and do not say whose memory they have.
            kind: AdapterKind::Discrete,
            backend: client.name().to_owned(),
            driver: identity.fingerprint.clone(),
            limits: Limits {
                buffer_bytes: properties.memory.max_page_size,
                buffers: hardware.max_bindings,
                cube_units: hardware.max_units_per_cube,
                shared_bytes: u32::try_from(hardware.max_shared_memory_size).unwrap_or(u32::MAX),
                cubes: x.min(y).min(z),
            },
            memory_bytes: None,
        }
    }

    fn of_wgpu(index: usize, adapter: &wgpu::Adapter) -> Self {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        Self {
            index,
            name: info.name,
            kind: info.device_type.into(),
            backend: info.backend.to_str().to_owned(),
            driver: format!("{} {}", info.driver, info.driver_info)
                .trim()
                .to_owned(),
            limits: Limits {
                buffer_bytes: limits
                    .max_storage_buffer_binding_size
                    .min(limits.max_buffer_size),
                buffers: limits.max_storage_buffers_per_shader_stage,
                cube_units: limits.max_compute_invocations_per_workgroup,
                shared_bytes: limits.max_compute_workgroup_storage_size,
                cubes: limits.max_compute_workgroups_per_dimension,
            },
            memory_bytes: own_memory(adapter),
        }
    }
}

/// The largest heap of Vulkan's that is near to the device. Of an adapter without memory of its own it says little: integrated GPUs have others
/// beside it, lavapipe and SwiftShader name 2 GiB whatever there is.
#[cfg(target_os = "linux")]
fn own_memory(adapter: &wgpu::Adapter) -> Option<u64> {
    const DEVICE_LOCAL: u32 = 1;
    if adapter.get_info().device_type != wgpu::DeviceType::DiscreteGpu {
        return None;
    }
    // SAFETY: nothing is destroyed, and the instance is that of the physical device.
    let memory = unsafe {
        let adapter = adapter.as_hal::<wgpu::hal::api::Vulkan>()?;
        let instance = adapter.shared_instance().raw_instance();
        instance.get_physical_device_memory_properties(adapter.raw_physical_device())
    };
    let heaps = memory.memory_heaps_as_slice().iter();
    let own = heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0);
    own.map(|heap| heap.size).max()
}

#[cfg(not(target_os = "linux"))]
fn own_memory(_: &wgpu::Adapter) -> Option<u64> {
    None
}

impl Adapter {
    /// Whether the kernels fit.
    pub(super) fn check(&self) -> Result<()> {
        for (what, has, needs) in [
            ("buffers a kernel", self.limits.buffers, BUFFERS),
            ("units a cube", self.limits.cube_units, CUBE_UNITS),
            (
                "shared bytes a cube",
                self.limits.shared_bytes,
                SHARED_BYTES,
            ),
            ("cubes an axis", self.limits.cubes, 65_535),
        ] {
            if has < needs {
                return Err(Error::NoGpu {
                    reason: format!(
                        "{} has {has} {what}, and {needs} are needed: use another adapter, or the CPU",
                        self.name
                    ),
                });
            }
        }
        Ok(())
    }
}

/// Every adapter of this machine, the likeliest to be fast first; in a browser the one that it offers.
pub async fn adapters() -> Vec<Adapter> {
    let found = found().await;
    found
        .iter()
        .enumerate()
        .map(|(index, adapter)| Adapter::new(index, adapter))
        .collect()
}

/// The one way to the interfaces with compute shaders (OpenGL's are too small for these kernels). Never dropped: Vulkan's loader crashes where
/// instances come and go on several threads.
pub(super) fn instance() -> &'static wgpu::Instance {
    static INSTANCE: OnceLock<wgpu::Instance> = OnceLock::new();
    INSTANCE.get_or_init(|| {
        wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: wgpu::Backends::PRIMARY,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        })
    })
}

/// The adapters themselves, in the order of [`adapters`]: first those of the runtimes that this build links.
pub(super) async fn found() -> Vec<Found> {
    let mut of_wgpu = instance().enumerate_adapters(wgpu::Backends::PRIMARY).await;
    // Stable: of one kind, the driver's order.
    of_wgpu.sort_by_key(|adapter| AdapterKind::from(adapter.get_info().device_type) as u8);
    // A runtime that is not linked has no device.
    let linked = [Device::cuda, Device::rocm]
        .into_iter()
        .flat_map(|of| (0..).map_while(move |index| of(index).ok()));
    let linked = linked.map(Found::Linked);
    linked.chain(of_wgpu.into_iter().map(Found::Wgpu)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_that_is_too_small_is_refused_with_both_numbers() {
        let limits = Limits {
            buffer_bytes: 128 << 20,
            buffers: BUFFERS,
            cube_units: CUBE_UNITS,
            shared_bytes: SHARED_BYTES,
            cubes: 65_535,
        };
        let refused = |limits: Limits| {
            let adapter = Adapter {
                index: 0,
                name: "a small one".to_owned(),
                kind: AdapterKind::Integrated,
                backend: String::new(),
                driver: String::new(),
                limits,
                memory_bytes: None,
            };
            adapter.check().err().map(|error| error.to_string())
        };
        assert_eq!(refused(limits), None);
        for (limits, numbers) in [
            (
                Limits {
                    buffers: 4,
                    ..limits
                },
                "4 buffers a kernel, and 8",
            ),
            (
                Limits {
                    cube_units: 128,
                    ..limits
                },
                "128 units a cube, and 256",
            ),
            (
                Limits {
                    shared_bytes: 8192,
                    ..limits
                },
                "8192 shared bytes a cube, and 16384",
            ),
            (
                Limits {
                    cubes: 1000,
                    ..limits
                },
                "1000 cubes an axis, and 65535",
            ),
        ] {
            let said = refused(limits).unwrap();
            let expected = format!(
                "no GPU: a small one has {numbers} are needed: use another adapter, or the CPU"
            );
            assert_eq!(said, expected);
        }
    }
}
