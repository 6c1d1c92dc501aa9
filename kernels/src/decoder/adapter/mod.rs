//! LoRA and DoRA adapters of a whole decoder: their factors by layer and target, in PEFT's files and under PEFT's names.
//!
//! Reference: peft 0.21, `tuners/lora/layer.py` (initialisation), `utils/save_and_load.py` (names). What a linear map's
//! adapter computes stands in [`crate::ops::adapter`].
//!
//! An [`Adapter`] holds anything that has an adapter's shape: parameters, their gradients, an optimizer's moments.

mod config;

use safetensors::tensor::Dtype;

pub use self::config::AdapterConfig;
use super::config::DecoderConfig;
use super::target::Target;
use super::weights::Decoder;
use super::weights::files::{TensorFiles, refused};
use super::weights::write::{Stored, StoredData, write_file};
use crate::device::Device;
use crate::error::Result;
use crate::ops::adapter::{FactorGradients, Factors, MergedWeight, merge, row_norms};
use crate::random::Stream;
use crate::tensor::Tensor;

/// The adapter of one linear map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LowRank {
    pub(super) a: Tensor,                 // [R, in]
    pub(super) b: Tensor,                 // [out, R]
    pub(super) magnitude: Option<Tensor>, // [1, out], DoRA
}

/// Adapters of the targets in every layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    config: AdapterConfig,
    /// By layer and `Target as usize`.
    layers: Vec<[Option<LowRank>; 7]>,
}

/// A decoder's weights with an adapter in them: what rollouts and the training forward compute with. The default is of a decoder of no layers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merged {
    /// By layer and `Target as usize`.
    layers: Vec<[Option<MergedWeight>; 7]>,
}

/// Where a [`LowRank`] comes from.
trait Source {
    fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<Tensor>;
    fn magnitude(&mut self, name: &str, layer: usize, target: Target) -> Result<Tensor>;
}

struct File<'a> {
    tensors: TensorFiles,
    bytes: &'a [u8],
    decoder: &'a DecoderConfig,
}

impl Source for File<'_> {
    fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<Tensor> {
        let place = self.tensors.take(name, &[rows, cols])?;
        Tensor::from_vec(rows, cols, place.widened(place.of(self.bytes))?)
    }

    fn magnitude(&mut self, name: &str, _: usize, target: Target) -> Result<Tensor> {
        let place = self.tensors.take(name, &[self.decoder.shape(target)[0]])?;
        place.vector(place.of(self.bytes))
    }
}

struct Init<'a> {
    seed: u64,
    decoder: &'a Decoder,
}

impl Source for Init<'_> {
    fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<Tensor> {
        if name.ends_with(B) {
            return Ok(Tensor::zeros(rows, cols));
        }
        // kaiming_uniform with a = sqrt(5): bound = sqrt(6 / ((1 + 5) in)) = 1 / sqrt(in).
        let bound = 1.0 / (cols as f32).sqrt();
        let labels: Vec<u64> = name.bytes().map(u64::from).collect();
        let mut stream = Stream::new(self.seed, &labels);
        let data = (0..rows * cols)
            .map(|_| (2.0 * stream.uniform() - 1.0) * bound)
            .collect();
        Tensor::from_vec(rows, cols, data)
    }

    fn magnitude(&mut self, _: &str, layer: usize, target: Target) -> Result<Tensor> {
        let projection = &self.decoder.layers[layer].projections[target as usize];
        Ok(row_norms(&projection.weight))
    }
}

const A: &str = "lora_A.weight";
const B: &str = "lora_B.weight";
const MAGNITUDE: &str = "lora_magnitude_vector";

/// `base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight`
fn name(layer: usize, target: Target, part: &str) -> String {
    format!("base_model.model.{}.{part}", target.path(layer))
}

impl Adapter {
    /// An adapter that does nothing yet, as PEFT begins: A uniform in +-1 / sqrt(in), B zero, the magnitude the row norms
    /// of the decoder's weight. A tensor depends on the seed and its own name alone.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for an impossible `config`.
    pub fn init(config: &AdapterConfig, decoder: &Decoder, seed: u64) -> Result<Self> {
        config.check()?;
        Self::build(config, decoder.config(), &mut Init { seed, decoder })
    }

    /// Reads an `adapter_model.safetensors` of PEFT's or ours, given as its bytes.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) that names the tensor: as for a decoder's weights.
    /// [`Error::Config`](crate::Error::Config) for an impossible `config`.
    pub fn from_safetensors(
        config: &AdapterConfig,
        decoder: &DecoderConfig,
        bytes: &[u8],
    ) -> Result<Self> {
        config.check()?;
        let mut file = File {
            tensors: TensorFiles::read(&[(bytes, bytes.len() as u64)])?,
            bytes,
            decoder,
        };
        let adapter = Self::build(config, decoder, &mut file)?;
        let targets: Vec<&str> = config.target_modules.iter().map(|t| t.name()).collect();
        let kind = if config.use_dora { "DoRA" } else { "LoRA" };
        file.tensors.finish(&format!(
            "a {kind} adapter of {} in {} layers, as adapter_config.json and the model describe it",
            targets.join(", "),
            decoder.num_hidden_layers
        ))?;
        Ok(adapter)
    }

    fn build(
        config: &AdapterConfig,
        decoder: &DecoderConfig,
        source: &mut impl Source,
    ) -> Result<Self> {
        let mut layers = Vec::with_capacity(decoder.num_hidden_layers);
        for layer in 0..decoder.num_hidden_layers {
            let mut targets = [const { None }; 7];
            for &target in &config.target_modules {
                let [rows, cols] = decoder.shape(target);
                targets[target as usize] = Some(LowRank {
                    a: source.matrix(&name(layer, target, A), config.r, cols)?,
                    b: source.matrix(&name(layer, target, B), rows, config.r)?,
                    magnitude: match config.use_dora {
                        true => Some(source.magnitude(
                            &name(layer, target, MAGNITUDE),
                            layer,
                            target,
                        )?),
                        false => None,
                    },
                });
            }
            layers.push(targets);
        }
        Ok(Self {
            config: config.clone(),
            layers,
        })
    }

    /// Hyper-parameters.
    #[must_use]
    pub fn config(&self) -> &AdapterConfig {
        &self.config
    }

    /// The same adapter in a device's memory.
    ///
    /// # Errors
    /// Those of [`Tensor::to`].
    pub fn to(&self, device: &Device) -> Result<Self> {
        let there = Tensor::all_to(&self.all(), device)?;
        Ok(self.of_tensors(there))
    }

    /// The same adapter in the processor's memory, once all that writes it is computed.
    ///
    /// # Errors
    /// Those of [`Tensor::read`].
    pub async fn read(&self) -> Result<Self> {
        Ok(self.of_tensors(Tensor::read_all(&self.all()).await?))
    }

    /// Zeros in this adapter's shape, on its device: gradients.
    ///
    /// # Errors
    /// Those of [`Tensor::zeros_on`].
    pub fn zeros_like(&self) -> Result<Self> {
        Ok(self.of_tensors(Tensor::zeros_like_all(&self.all())?))
    }

    /// Sets every number to zero: gradients, before the next step.
    pub fn clear(&mut self) {
        let tensors = self.tensors_mut().into_iter().map(|(_, tensor)| tensor);
        Tensor::fill_all(tensors.collect(), 0.0);
    }

    /// The tensors of [`Adapter::tensors`].
    fn all(&self) -> Vec<&Tensor> {
        self.tensors()
            .into_iter()
            .map(|(_, tensor)| tensor)
            .collect()
    }

    /// An adapter of this shape that holds these tensors, in the order of [`Adapter::tensors`].
    fn of_tensors(&self, tensors: Vec<Tensor>) -> Self {
        let mut tensors = tensors.into_iter();
        let mut next = || tensors.next().expect("one for each");
        let mut low_rank = |low_rank: &LowRank| LowRank {
            a: next(),
            b: next(),
            magnitude: low_rank.magnitude.as_ref().map(|_| next()),
        };
        let layers = self.layers.iter().map(|targets| {
            std::array::from_fn(|target| targets[target].as_ref().map(&mut low_rank))
        });
        let layers = layers.collect();
        Self {
            config: self.config.clone(),
            layers,
        }
    }

    /// Every tensor with PEFT's name, always in the same order: layer by layer, target by target, A, B, magnitude.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, &Tensor)> {
        let mut all = Vec::new();
        for (layer, target, low_rank) in self.present() {
            all.push((name(layer, target, A), &low_rank.a));
            all.push((name(layer, target, B), &low_rank.b));
            if let Some(magnitude) = &low_rank.magnitude {
                all.push((name(layer, target, MAGNITUDE), magnitude));
            }
        }
        all
    }

    /// The numbers of [`Adapter::tensors`].
    ///
    /// # Panics
    /// Where they lie in a GPU's memory.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, &[f32])> {
        let tensors = self.tensors().into_iter();
        tensors
            .map(|(name, tensor)| (name, tensor.data()))
            .collect()
    }

    /// [`Adapter::parameters`], to be written.
    ///
    /// # Panics
    /// Where they lie in a GPU's memory.
    pub fn parameters_mut(&mut self) -> Vec<(String, &mut [f32])> {
        let tensors = self.tensors_mut().into_iter();
        tensors
            .map(|(name, tensor)| (name, tensor.data_mut()))
            .collect()
    }

    /// [`Adapter::tensors`], to be written.
    pub fn tensors_mut(&mut self) -> Vec<(String, &mut Tensor)> {
        let mut all = Vec::new();
        for (layer, targets) in self.layers.iter_mut().enumerate() {
            for (target, low_rank) in Target::ALL.into_iter().zip(targets) {
                let Some(low_rank) = low_rank else { continue };
                all.push((name(layer, target, A), &mut low_rank.a));
                all.push((name(layer, target, B), &mut low_rank.b));
                if let Some(magnitude) = &mut low_rank.magnitude {
                    all.push((name(layer, target, MAGNITUDE), magnitude));
                }
            }
        }
        all
    }

    /// The bytes of an `adapter_model.safetensors` that PEFT reads: f32, the same bytes for the same adapter.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) where the format cannot hold it.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let mut tensors = Vec::new();
        for (layer, target, low_rank) in self.present() {
            let mut push = |part, shape: &[usize], data| {
                let stored = Stored {
                    dtype: Dtype::F32,
                    shape: shape.to_vec(),
                    data: StoredData::F32(data),
                };
                tensors.push((name(layer, target, part), stored));
            };
            push(A, &low_rank.a.shape(), low_rank.a.data());
            push(B, &low_rank.b.shape(), low_rank.b.data());
            if let Some(magnitude) = &low_rank.magnitude {
                push(MAGNITUDE, &[magnitude.cols()], magnitude.data());
            }
        }
        write_file(tensors)
    }

    /// What the ops take: the factors of a target, where it has some.
    pub(super) fn factors(&self, layer: usize, target: Target) -> Option<Factors<'_>> {
        let low_rank = self.layers[layer][target as usize].as_ref()?;
        Some(Factors {
            a: &low_rank.a,
            b: &low_rank.b,
            magnitude: low_rank.magnitude.as_ref(),
            scaling: self.config.scaling(),
        })
    }

    /// The same of an adapter that holds gradients.
    pub(super) fn factor_gradients(
        &mut self,
        layer: usize,
        target: Target,
    ) -> Option<FactorGradients<'_>> {
        let low_rank = self.layers[layer][target as usize].as_mut()?;
        Some(FactorGradients {
            d_a: &mut low_rank.a,
            d_b: &mut low_rank.b,
            d_magnitude: low_rank.magnitude.as_mut(),
        })
    }

    pub(super) fn layer_count(&self) -> usize {
        self.layers.len()
    }

    fn present(&self) -> impl Iterator<Item = (usize, Target, &LowRank)> {
        self.layers.iter().enumerate().flat_map(|(layer, targets)| {
            let targets = Target::ALL.into_iter().zip(targets);
            targets.filter_map(move |(target, low_rank)| Some((layer, target, low_rank.as_ref()?)))
        })
    }
}

impl Merged {
    /// The merged weight of a target, where it has an adapter.
    pub(super) fn get(&self, layer: usize, target: Target) -> Option<&MergedWeight> {
        self.layers[layer][target as usize].as_ref()
    }

    pub(super) fn layer_count(&self) -> usize {
        self.layers.len()
    }
}

impl Decoder {
    /// Forms the adapted weights, W' of [`crate::ops::adapter`], once for many passes.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) where the adapter was made for another number of layers,
    /// [`Error::Shape`](crate::Error::Shape) for other sizes; [`Error::Argument`](crate::Error::Argument) where a row of
    /// `W + s B A` has no length for a magnitude to scale.
    pub fn merge(&self, adapter: &Adapter) -> Result<Merged> {
        if adapter.layer_count() != self.layers.len() {
            return Err(refused(
                "adapter",
                format!(
                    "has {} layers, the decoder {}",
                    adapter.layer_count(),
                    self.layers.len()
                ),
            ));
        }
        let mut layers: Vec<_> = self.layers.iter().map(|_| [const { None }; 7]).collect();
        for (layer, target, _) in adapter.present() {
            let weight = &self.layers[layer].projections[target as usize].weight;
            let factors = adapter.factors(layer, target).expect("it is present");
            layers[layer][target as usize] = Some(merge(weight, &factors)?);
        }
        Ok(Merged { layers })
    }

    /// The decoder that an adapter makes of this one: the merged weights in place of its own, in f32.
    #[must_use]
    pub fn with_merged(mut self, merged: Merged) -> Self {
        for (layer, targets) in self.layers.iter_mut().zip(merged.layers) {
            for (projection, merged) in layer.projections.iter_mut().zip(targets) {
                if let Some(merged) = merged {
                    projection.weight = merged.weight;
                }
            }
        }
        self
    }
}
