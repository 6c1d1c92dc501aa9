//! An adapter in use: where kernels are launched.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cubecl::CubeCount;
use cubecl::MemoryScope;
use cubecl::client::Client;
use cubecl::features::Plane;
use cubecl::server::ServerError;
use cubecl::wgpu::wgpu;
use cubecl::wgpu::{RuntimeOptions, WgpuSetup, try_init_device};

use super::adapter::{self, Adapter, AdapterKind, Found};
use super::memory::Memory;
use super::reduce::planes_add_up;
use super::refused::Refused;
use crate::error::{Error, Result};

/// Units of a cube in all kernels: what the narrowest adapters permit.
pub(crate) const CUBE_UNITS: u32 = 256;
/// Rounds of a unit's loop in one launch: lavapipe ends loops after 65,535 and says nothing.
pub(crate) const LAUNCH_ROUNDS: usize = 32_768;

/// How a GPU is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Weights are split into parts of at most so many bytes (of f32 numbers), as the adapter's limit splits larger ones: what is copied on the
    /// way there is then no larger.
    pub weight_bytes: u64,
    /// Most bytes of logits at a time, where log-probabilities are made of them.
    pub logit_bytes: u64,
    /// Whether units of a plane (a subgroup) exchange numbers directly, where the adapter can do that.
    pub planes: bool,
    /// The kind of adapter that kernels are cut for; by itself, what it is.
    pub cut_for: Option<AdapterKind>,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            weight_bytes: u64::MAX,
            logit_bytes: u64::MAX,
            planes: true,
            cut_for: None,
        }
    }
}

/// A GPU that was opened, with its queue.
pub struct Gpu {
    adapter: Adapter,
    client: Client,
    /// Of an adapter that wgpu found.
    device: Option<wgpu::Device>,
    refused: Refused,
    weight_bytes: u64,
    logit_bytes: u64,
    planes: bool,
    cut_for: AdapterKind,
    memory: Arc<Memory>,
    launches: AtomicU64,
    reads: AtomicU64,
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gpu[{}]", self.adapter.name)
    }
}

impl Gpu {
    /// Opens the adapter of this index, as [`super::adapters`] counts them.
    ///
    /// # Errors
    /// [`Error::NoGpu`] where there is no such adapter or it is too small for these kernels, and where its driver refuses.
    pub async fn open(index: usize) -> Result<Arc<Self>> {
        Self::open_with(index, Opening::default()).await
    }

    /// [`Gpu::open`] otherwise than it would by itself.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub async fn open_with(index: usize, opening: Opening) -> Result<Arc<Self>> {
        let mut found = adapter::found().await;
        let count = found.len();
        if index >= count {
            return Err(Error::NoGpu {
                reason: match count {
                    0 => "no adapter was found: install its driver (on Debian `mesa-vulkan-drivers` has those of AMD and Intel, and lavapipe, \
                          which needs no GPU), or use the CPU"
                        .to_owned(),
                    count => format!("there is no adapter {index}: {count} found, counted from 0"),
                },
            });
        }
        let chosen = found.swap_remove(index);
        let adapter = Adapter::new(index, &chosen);
        adapter.check()?;
        let (refused, memory) = (Refused::default(), Arc::<Memory>::default());
        let (client, device, subgroups) = match chosen {
            Found::Linked(device) => {
                let client = device.client();
                let subgroups = client.features().plane.contains(Plane::Ops);
                (client, None, subgroups)
            }
            Found::Wgpu(chosen) => {
                let (client, device) = open_wgpu(chosen).await.map_err(|reason| Error::NoGpu {
                    reason: format!("{} cannot be used: {reason}", adapter.name),
                })?;
                refused.watch(&device, &memory);
                let subgroups = device.features().contains(wgpu::Features::SUBGROUP);
                (client, Some(device), subgroups)
            }
        };
        // Browsers are left as they are: theirs is a young extension.
        let planes = opening.planes && cfg!(not(target_family = "wasm")) && subgroups;
        let mut gpu = Arc::new(Self {
            weight_bytes: opening.weight_bytes.min(adapter.limits.buffer_bytes),
            logit_bytes: opening.logit_bytes.min(adapter.limits.buffer_bytes),
            planes: false,
            cut_for: opening.cut_for.unwrap_or(adapter.kind),
            client,
            adapter,
            device,
            refused,
            memory,
            launches: AtomicU64::new(0),
            reads: AtomicU64::new(0),
        });
        // A driver that fails at it has none that are of use.
        let right = match planes {
            true => match planes_add_up(&gpu).await {
                Err(lost @ Error::DeviceLost { .. }) => return Err(lost),
                tried => tried.unwrap_or(false),
            },
            false => false,
        };
        if right {
            Arc::get_mut(&mut gpu).expect("its buffers are gone").planes = true;
        }
        Ok(gpu)
    }

    /// What it is.
    #[must_use]
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The client for one launch, which is counted.
    pub(crate) fn launcher(&self) -> &Client {
        self.launches.fetch_add(1, Ordering::Relaxed);
        &self.client
    }

    /// The client for one read, which is counted.
    pub(crate) fn reader(&self) -> &Client {
        self.reads.fetch_add(1, Ordering::Relaxed);
        &self.client
    }

    /// Kernels launched since it was opened.
    #[must_use]
    pub fn launches(&self) -> u64 {
        self.launches.load(Ordering::Relaxed)
    }

    /// Reads since it was opened, each of which waited for what had been launched.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Waits until everything launched so far has been computed.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], [`Error::GpuMemory`], [`Error::Gpu`].
    pub async fn wait(&self) -> Result<()> {
        match self.client.sync().await {
            Ok(()) => self.check(),
            Err(error) => Err(self.failure("wait", &error).await),
        }
    }

    /// How much memory its buffers take.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Bytes that the runtime holds for buffers, in use or to be used again.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        let report = self.client.memory_report(MemoryScope::Device);
        report.usage().bytes_reserved
    }

    /// Whether reductions go by planes.
    #[must_use]
    pub fn planes(&self) -> bool {
        self.planes
    }

    /// The kind of adapter that kernels are cut for.
    pub(crate) fn cut_for(&self) -> AdapterKind {
        self.cut_for
    }

    /// The largest part of a weight, in bytes.
    pub(crate) fn weight_bytes(&self) -> u64 {
        self.weight_bytes
    }

    /// The most logits at a time, in bytes, as far as the adapter is concerned.
    pub(crate) fn logit_bytes(&self) -> u64 {
        self.logit_bytes
    }

    /// Gives up the GPU and all that is in its memory, as a driver's crash or a pulled plug does: the next wait or read is
    /// [`Error::DeviceLost`].
    ///
    /// # Errors
    /// [`Error::Gpu`] where wgpu has not found it: CUDA and HIP have no such thing.
    pub fn destroy(&self) -> Result<()> {
        let Some(device) = &self.device else {
            return Err(Error::Gpu {
                op: "destroy",
                reason: "only what wgpu has found can be given up".to_owned(),
            });
        };
        device.destroy();
        Ok(())
    }

    /// Whether wgpu refused nothing so far.
    ///
    /// # Errors
    /// [`Error::GpuMemory`], [`Error::Gpu`].
    pub(crate) fn check(&self) -> Result<()> {
        self.refused.check()
    }

    /// What the runtime says went wrong, as an error of ours.
    pub(crate) async fn failure(&self, op: &'static str, error: &ServerError) -> Error {
        // What comes behind is the way through the runtime, which helps nobody who uses it.
        let said = |error: &ServerError| {
            let text = error.to_string();
            let reason = text.split("\nBacktrace").next().unwrap_or_default();
            reason.trim().replace('\n', " ")
        };
        if error.is_device_poisoned() {
            return Error::DeviceLost {
                reason: said(error),
            };
        }
        // That a device of wgpu's is lost is said when somebody polls it after its last work, and then to whoever asks next.
        for _ in 0..3 {
            if let Some(device) = &self.device {
                let _ = device.poll(wgpu::PollType::Wait {
                    submission_index: None,
                    timeout: Some(Duration::from_secs(1)),
                });
            }
            if let Err(next) = self.client.sync().await
                && next.is_device_poisoned()
            {
                return Error::DeviceLost {
                    reason: said(&next),
                };
            }
        }
        self.check().err().unwrap_or_else(|| Error::Gpu {
            op,
            reason: said(error),
        })
    }
}

/// Opens an adapter that wgpu found, with all that it can do.
async fn open_wgpu(adapter: wgpu::Adapter) -> std::result::Result<(Client, wgpu::Device), String> {
    let (device, queue) = adapter
        .request_device(&wgpu::DeviceDescriptor {
            label: Some("recode"),
            // Experimental ones are refused to whoever does not vouch for them.
            required_features: adapter.features().difference(
                wgpu::Features::MAPPABLE_PRIMARY_BUFFERS | wgpu::Features::all_experimental_mask(),
            ),
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            trace: wgpu::Trace::Off,
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
        })
        .await
        .map_err(|error| error.to_string())?;
    let setup = WgpuSetup {
        instance: adapter::instance().clone(),
        backend: adapter.get_info().backend,
        adapter,
        device: device.clone(),
        queue,
    };
    let options = RuntimeOptions::try_default().map_err(|error| error.to_string())?;
    let id = try_init_device(setup, options).map_err(|error| error.to_string())?;
    Ok((cubecl::Device::from(id).client(), device))
}

/// Cubes of [`CUBE_UNITS`] units for one unit each of `count` things, which look at `ABSOLUTE_POS`; `None` where there is nothing to do.
pub(crate) fn unit_each(count: usize) -> Option<CubeCount> {
    (count > 0).then(|| grid(count.div_ceil(CUBE_UNITS as usize)))
}

/// Cubes in a grid folded so that no axis has more than an adapter permits: a kernel takes `CUBE_POS` and looks whether it is below the count.
pub(crate) fn grid(cubes: usize) -> CubeCount {
    const AXIS: usize = 65_535;
    let y = cubes.div_ceil(AXIS).max(1);
    CubeCount::Static(cubes.div_ceil(y) as u32, y as u32, 1)
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::gpu::Buffer;

    #[test]
    fn an_adapter_that_is_not_there_is_named_with_those_that_are() {
        let error = block_on(Gpu::open(1000)).unwrap_err().to_string();
        assert!(
            error.starts_with("no GPU: there is no adapter 1000: "),
            "{error}"
        );
    }

    #[test]
    fn a_buffer_beyond_the_limit_is_refused_with_both_numbers() {
        let gpu = block_on(Gpu::open(0)).unwrap();
        let words = gpu.adapter().limits.buffer_bytes as usize / 4;
        let error = Buffer::empty(&gpu, words + 1).unwrap_err().to_string();
        let limit = 4 * words;
        assert!(
            error.contains(&format!("take {} bytes", limit + 4)),
            "{error}"
        );
        assert!(error.contains(&format!("at most {limit}")), "{error}");
    }

    #[test]
    fn a_gpu_that_is_lost_is_an_error_at_the_next_read() {
        let gpu = block_on(Gpu::open(0)).unwrap();
        let numbers = Buffer::from_f32(&gpu, &[1.0, 2.0]).unwrap();
        assert_eq!(block_on(numbers.read_f32()).unwrap(), [1.0, 2.0]);
        gpu.destroy().unwrap();
        let error = block_on(numbers.read_f32()).unwrap_err();
        assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
    }

    /// Takes memory until there is none left.
    fn take_all(index: usize) {
        let gpu = block_on(Gpu::open(index)).unwrap();
        let words = gpu.adapter().limits.buffer_bytes as usize / 8;
        let mut held = Vec::new();
        let error = loop {
            held.push(Buffer::filled(&gpu, words, 1.0).unwrap());
            if let Err(error) = block_on(gpu.wait()) {
                break error;
            }
            assert!(held.len() < 10_000, "there is no end to it");
        };
        let bytes = |buffers: usize| (buffers * words * 4) as u64;
        let in_use = bytes(held.len() - 1)..=bytes(held.len());
        assert!(
            matches!(error, Error::GpuMemory { in_use: said, .. } if in_use.contains(&said)),
            "{error}"
        );
        let error = block_on(held[0].read_f32()).unwrap_err();
        assert!(matches!(error, Error::GpuMemory { .. }), "{error}");
    }

    #[test]
    fn memory_that_is_refused_is_an_error_at_the_next_wait() {
        const INDEX: &str = "RECODE_TEST_TAKE_ALL_OF";
        if let Ok(index) = std::env::var(INDEX) {
            return take_all(index.parse().unwrap());
        }
        let mut adapters = block_on(adapter::adapters()).into_iter();
        let Some(software) = adapters.find(|adapter| adapter.kind == AdapterKind::Software) else {
            // A GPU's memory is also that of the tests beside this one: RECODE_TEST_TAKE_ALL_OF=0 takes it, by hand.
            return;
        };
        // In a program of its own, whose addresses are limited: the adapter's memory is among them.
        let name = "gpu::device::tests::memory_that_is_refused_is_an_error_at_the_next_wait";
        let program = std::env::current_exe().unwrap();
        let limited = std::process::Command::new("sh")
            .args(["-c", "ulimit -v 3145728 && exec \"$0\" --exact \"$1\""])
            .args([program.as_os_str(), name.as_ref()])
            .env(INDEX, software.index.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&limited.stdout);
        assert!(
            limited.status.success() && said.contains("1 passed"),
            "{said}"
        );
    }

    #[test]
    fn a_grid_covers_all_cubes_within_an_axis() {
        for cubes in [1, 65_535, 65_536, 1_000_003] {
            let CubeCount::Static(x, y, z) = grid(cubes) else {
                panic!("a grid is static");
            };
            assert!(x as usize * y as usize >= cubes && z == 1, "{cubes}");
            assert!(x <= 65_535 && y <= 65_535);
        }
    }
}
