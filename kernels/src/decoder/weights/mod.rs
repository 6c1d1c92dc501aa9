//! The decoder's weights: from safetensors files, at random, and back into a file, under Hugging Face's names.
//!
//! Matrices keep the precision of their file (f16 becomes f32), norms and biases are f32. A tensor that is missing,
//! superfluous, of another shape or type, or not finite is an error that names it.
//!
//! Files of old llama checkpoints hold `rotary_emb.inv_freq`, which is a constant of the configuration: passed over, as the
//! reference does. A tied head may be in the file a second time as long as it is the embedding.

pub(super) mod files;
mod loading;
#[cfg(test)]
mod tests;
pub(super) mod write;

use std::iter::once;

use half::bf16;

pub use self::files::Place;
use self::files::refused;
pub use self::loading::Loading;
use super::config::DecoderConfig;
use super::target::Target;
use crate::device::Device;
use crate::error::Result;
use crate::random::Stream;
use crate::tensor::{Tensor, Weight, WeightData};

/// The name of the embedding's table.
const EMBEDDING: &str = "model.embed_tokens.weight";
/// The name of the last norm's weight.
const NORM: &str = "model.norm.weight";
/// The name of a head that is not tied.
const HEAD: &str = "lm_head.weight";

/// A transformer decoder: its configuration and all of its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoder {
    pub(super) config: DecoderConfig,
    pub(super) embed_tokens: Weight, // [V, C]
    pub(super) layers: Vec<Layer>,
    pub(super) norm: Tensor,            // [1, C]
    pub(super) lm_head: Option<Weight>, // [V, C]; None where it is the embedding
}

/// One layer's weights.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layer {
    pub(super) input_layernorm: Tensor,          // [1, C]
    pub(super) post_attention_layernorm: Tensor, // [1, C]
    /// By `Target as usize`.
    pub(super) projections: [Projection; 7],
}

/// A linear map's weights.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Projection {
    pub(super) weight: Weight,
    pub(super) bias: Option<Tensor>, // [1, out]
}

/// A tensor of the decoder, as it stands in memory.
#[derive(Debug, Clone, Copy)]
pub enum Named<'a> {
    /// A linear map or the embedding.
    Matrix(&'a Weight),
    /// A norm's weight or a bias.
    Vector(&'a [f32]),
}

impl<'a> Named<'a> {
    fn vector(tensor: &'a Tensor) -> Self {
        Named::Vector(tensor.data())
    }
}

/// Where weights come from when a decoder is put together.
trait Source {
    fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<Weight>;
    fn vector(&mut self, name: &str, len: usize) -> Result<Tensor>;
}

/// Numbers that depend on the seed and a tensor's name, whatever else the decoder has.
struct Random {
    seed: u64,
    layers: usize,
}

impl Source for Random {
    fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<Weight> {
        let std = if name == EMBEDDING || name == HEAD {
            0.02
        } else {
            let summed = name.contains("o_proj") || name.contains("down_proj");
            let terms = if summed { 2 * self.layers } else { 1 };
            1.0 / ((cols * terms) as f64).sqrt()
        };
        let labels: Vec<u64> = name.bytes().map(u64::from).collect();
        let mut stream = Stream::new(self.seed, &labels);
        let data = (0..rows * cols)
            .map(|_| (stream.normal() * std) as f32)
            .collect();
        Weight::f32(rows, cols, data)
    }

    fn vector(&mut self, name: &str, len: usize) -> Result<Tensor> {
        let value = if name.ends_with("bias") { 0.0 } else { 1.0 };
        Ok(Tensor::full(1, len, value))
    }
}

impl Decoder {
    /// Reads the weights of one or more safetensors files, given as their bytes (a memory map will do).
    ///
    /// # Errors
    /// [`Error::Misfit`](crate::Error::Misfit) that names the tensor, what was expected and what was found, for one that is
    /// missing, superfluous, of another shape or dtype. [`Error::Weights`](crate::Error::Weights) for one in two files,
    /// infinite or not a number, or whose header lies; [`Error::WeightsFile`](crate::Error::WeightsFile) for a file that is
    /// truncated or no safetensors. [`Error::Config`](crate::Error::Config) for an impossible `config`.
    pub fn from_safetensors(config: DecoderConfig, files: &[&[u8]]) -> Result<Self> {
        let headers: Vec<(&[u8], u64)> = files
            .iter()
            .map(|file| (*file, file.len() as u64))
            .collect();
        let mut loading = Loading::new(config, &Device::Cpu, &headers)?;
        while let Some(place) = loading.awaited() {
            let bytes = place.of(files[place.file]);
            loading.put(bytes)?;
        }
        loading.finish()
    }

    /// A decoder to be trained from nothing, in f32: norms 1, biases 0, the embedding and an untied head normal with
    /// standard deviation 0.02, a linear map normal with 1 / sqrt(in), those that add to the residual stream divided by
    /// sqrt(2 layers) more (GPT-2's rule).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for an impossible `config`.
    pub fn random(config: DecoderConfig, seed: u64) -> Result<Self> {
        config.check()?;
        let layers = config.num_hidden_layers;
        Self::build(config, &mut Random { seed, layers })
    }

    fn build(config: DecoderConfig, source: &mut impl Source) -> Result<Self> {
        let (v, c) = (config.vocab_size, config.hidden_size);
        let embed_tokens = source.matrix(EMBEDDING, v, c)?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::build(&config, index, source))
            .collect::<Result<_>>()?;
        let norm = source.vector(NORM, c)?;
        let lm_head = match config.tie_word_embeddings {
            true => None,
            false => Some(source.matrix(HEAD, v, c)?),
        };
        Ok(Self {
            config,
            embed_tokens,
            layers,
            norm,
            lm_head,
        })
    }

    /// The same decoder in a device's memory, its matrices in the precision that they have here.
    ///
    /// # Errors
    /// Those of [`Tensor::to`] and [`Weight::to`].
    pub fn to(&self, device: &Device) -> Result<Self> {
        let mut there = self.clone();
        for matrix in there.matrices_mut() {
            *matrix = matrix.to(device)?;
        }
        for vector in there.vectors_mut() {
            *vector = vector.to(device)?;
        }
        Ok(there)
    }

    /// Where it lies, and computes.
    #[must_use]
    pub fn device(&self) -> Device {
        self.embed_tokens.device()
    }

    /// Sizes and constants.
    #[must_use]
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// The map from hidden states to logits, [V, C]: the head or the embedding it is tied to.
    #[must_use]
    pub fn head(&self) -> &Weight {
        self.lm_head.as_ref().unwrap_or(&self.embed_tokens)
    }

    /// Every tensor with its name in a file, in the order of the computation.
    #[must_use]
    pub fn tensors(&self) -> Vec<(String, Named<'_>)> {
        let layers = self.layers.iter().flat_map(|layer| {
            let maps = layer.projections.iter().flat_map(|map| {
                let bias = map.bias.as_ref().map(Named::vector);
                once(Named::Matrix(&map.weight)).chain(bias)
            });
            once(Named::vector(&layer.input_layernorm))
                .chain(maps)
                .chain(once(Named::vector(&layer.post_attention_layernorm)))
        });
        let all = once(Named::Matrix(&self.embed_tokens))
            .chain(layers)
            .chain(once(Named::vector(&self.norm)))
            .chain(self.lm_head.as_ref().map(Named::Matrix));
        tensor_names(&self.config).into_iter().zip(all).collect()
    }

    /// Every tensor with its name, to be written by an optimizer, in the order of [`Decoder::tensors`].
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) that names a frozen matrix: one kept in bf16, which an optimizer's steps
    /// would be lost in, or in the order its products read it. See [`Decoder::widen`].
    pub fn parameters_mut(&mut self) -> Result<Vec<(String, &mut [f32])>> {
        let layers = self.layers.iter_mut().flat_map(|layer| {
            let maps = layer.projections.iter_mut().flat_map(|map| {
                let bias = map.bias.as_mut().map(|bias| Some(bias.data_mut()));
                once(map.weight.f32_mut()).chain(bias)
            });
            once(Some(layer.input_layernorm.data_mut()))
                .chain(maps)
                .chain(once(Some(layer.post_attention_layernorm.data_mut())))
        });
        let all = once(self.embed_tokens.f32_mut())
            .chain(layers)
            .chain(once(Some(self.norm.data_mut())))
            .chain(self.lm_head.as_mut().map(Weight::f32_mut));
        let named = tensor_names(&self.config).into_iter().zip(all);
        named
            .map(|(name, values)| match values {
                Some(values) => Ok((name, values)),
                None => Err(refused(
                    name,
                    "is frozen and cannot be trained so; widen the decoder",
                )),
            })
            .collect()
    }

    /// Turns every matrix into f32, which is exact, so that all of them can be trained.
    pub fn widen(&mut self) {
        for matrix in self.matrices_mut() {
            if !matches!(matrix.data(), WeightData::F32(_)) {
                let [rows, cols] = matrix.shape();
                *matrix = Weight::f32(rows, cols, matrix.to_f32()).expect("its own shape");
            }
        }
    }

    /// Puts every f32 matrix into the order in which products read it: decoding is several times as fast, and nothing can be trained
    /// until [`Decoder::widen`] undoes it. The numbers stay, and so does every result.
    pub fn freeze(&mut self) {
        for matrix in self.matrices_mut() {
            if matches!(matrix.data(), WeightData::F32(_)) {
                *matrix = matrix.clone().frozen();
            }
        }
    }

    /// Rounds every matrix to bf16 (to the nearest, ties to even): half the memory for weights that stay frozen.
    pub fn narrow(&mut self) {
        for matrix in self.matrices_mut() {
            if !matches!(matrix.data(), WeightData::Bf16(_)) {
                let wide = matrix.to_f32();
                let narrow = wide.iter().map(|&v| bf16::from_f32(v)).collect();
                let [rows, cols] = matrix.shape();
                *matrix = Weight::bf16(rows, cols, narrow).expect("its own shape");
            }
        }
    }

    fn vectors_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        let layers = self.layers.iter_mut().flat_map(|layer| {
            let biases = layer.projections.iter_mut().flat_map(|map| &mut map.bias);
            [
                &mut layer.input_layernorm,
                &mut layer.post_attention_layernorm,
            ]
            .into_iter()
            .chain(biases)
        });
        layers.chain([&mut self.norm])
    }

    fn matrices_mut(&mut self) -> impl Iterator<Item = &mut Weight> {
        let projections = self.layers.iter_mut().flat_map(|l| &mut l.projections);
        projections
            .map(|projection| &mut projection.weight)
            .chain([&mut self.embed_tokens])
            .chain(&mut self.lm_head)
    }
}

/// The names of a decoder's tensors, in the order of [`Decoder::tensors`].
pub(super) fn tensor_names(config: &DecoderConfig) -> Vec<String> {
    let mut names = vec![EMBEDDING.to_string()];
    for layer in 0..config.num_hidden_layers {
        let [input, post] = Layer::norm_names(layer);
        names.push(input);
        for target in Target::ALL {
            names.push(format!("{}.weight", target.path(layer)));
            if config.has_bias(target) {
                names.push(format!("{}.bias", target.path(layer)));
            }
        }
        names.push(post);
    }
    names.push(NORM.to_string());
    if !config.tie_word_embeddings {
        names.push(HEAD.to_string());
    }
    names
}

impl Layer {
    fn build(config: &DecoderConfig, index: usize, source: &mut impl Source) -> Result<Self> {
        let [input, post] = Self::norm_names(index);
        let input_layernorm = source.vector(&input, config.hidden_size)?;
        let mut projections = Vec::with_capacity(7);
        for target in Target::ALL {
            let [rows, cols] = config.shape(target);
            let path = target.path(index);
            projections.push(Projection {
                weight: source.matrix(&format!("{path}.weight"), rows, cols)?,
                bias: match config.has_bias(target) {
                    true => Some(source.vector(&format!("{path}.bias"), rows)?),
                    false => None,
                },
            });
        }
        Ok(Self {
            input_layernorm,
            post_attention_layernorm: source.vector(&post, config.hidden_size)?,
            projections: projections.try_into().expect("one for each target"),
        })
    }

    /// Names of the norms before attention and before the feed-forward part.
    fn norm_names(index: usize) -> [String; 2] {
        ["input_layernorm", "post_attention_layernorm"]
            .map(|name| format!("model.layers.{index}.{name}.weight"))
    }
}
