//! A model from a directory in Hugging Face layout, and an adapter in PEFT's. Nothing is fetched: a hub id is answered with the way to get it.
//!
//! ```text
//! DIR/config.json  DIR/tokenizer.json  [DIR/generation_config.json  DIR/tokenizer_config.json]
//! DIR/model.safetensors | DIR/model.safetensors.index.json with the shards it names
//! ADAPTER/adapter_config.json  ADAPTER/adapter_model.safetensors
//! ```
//!
//! Weight files are mapped, not read: while a model loads, memory holds its weights once and whatever pages of the files the system
//! keeps; small files are read first, so that a mistake in them costs no wait.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use memmap2::Mmap;
use recode_kernels::Device;
use recode_kernels::decoder::{Adapter, AdapterConfig, Decoder, DecoderConfig, Loading, Merged};
use recode_kernels::error::Error;
use serde::Deserialize;

use crate::fingerprint;
use crate::tokenizer::Tokenizer;

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
pub const ADAPTER_CONFIG: &str = "adapter_config.json";
pub const ADAPTER_WEIGHTS: &str = "adapter_model.safetensors";
/// What is read beside the weights, as far as it is there.
const SETTINGS: [&str; 4] = [
    CONFIG,
    "tokenizer.json",
    "generation_config.json",
    "tokenizer_config.json",
];

/// A decoder and the tokenizer that belongs to it.
#[derive(Debug)]
pub struct Model {
    /// On the device that computes.
    pub decoder: Decoder,
    /// The same in the processor's memory, where that is another.
    host: Option<Decoder>,
    pub tokenizer: Tokenizer,
    /// A number for the bytes of all files that were read, in hexadecimal; see [`crate::fingerprint`].
    pub fingerprint: String,
}

impl Model {
    /// Loads a model directory, to compute on `device`.
    ///
    /// # Errors
    /// Names the file (and within it the field or tensor) and the way out: a directory that is not there, a hub id, a file instead of a
    /// directory, missing, truncated or contradictory files, a tokenizer with ids the model has no row for, and weights for which a GPU
    /// has not the memory.
    pub fn load(dir: &Path, device: &Device) -> Result<Self> {
        let (config, tokenizer, files) = open(dir)?;
        check_room(device, &files, &config)?;
        let bytes: Vec<&[u8]> = files.files.iter().map(|(_, map)| map.as_ref()).collect();
        let mut decoder =
            Decoder::from_safetensors(config, &bytes).map_err(|error| files.explain(error))?;
        // What is trained is an adapter.
        decoder.freeze();
        let (decoder, host) = match device {
            Device::Cpu => (decoder, None),
            #[cfg(feature = "gpu")]
            Device::Gpu(_) => (decoder.to(device)?, Some(decoder)),
        };
        Ok(Self {
            decoder,
            host,
            tokenizer,
            fingerprint: fingerprint::text(settings(dir)?.iter().map(Vec::as_slice).chain(bytes)),
        })
    }

    /// Lets go of what only a new adapter is made from.
    #[must_use]
    pub fn for_inference(self) -> Self {
        Self { host: None, ..self }
    }

    /// The decoder in the processor's memory.
    pub fn host(&self) -> &Decoder {
        self.host.as_ref().unwrap_or(&self.decoder)
    }

    /// The model's weights with an adapter directory's merged in, or `None` without one.
    ///
    /// # Errors
    /// As [`load_adapter`].
    pub fn merged(&self, adapter: Option<&Path>) -> Result<Option<Merged>> {
        adapter
            .map(|dir| {
                let adapter = load_adapter(dir, &self.decoder)?.to(&self.decoder.device())?;
                self.decoder
                    .merge(&adapter)
                    .with_context(|| format!("cannot merge the adapter {}", dir.display()))
            })
            .transpose()
    }
}

/// What a model directory says of itself, weights unread.
#[derive(Debug)]
pub struct Outline {
    pub config: DecoderConfig,
    pub tokenizer: Tokenizer,
    /// Bytes of the weights once they are loaded: matrices stay bf16 where they are, everything else becomes f32.
    pub weight_bytes: u64,
}

impl Outline {
    /// Reads the small files, and the heads of those of weights.
    ///
    /// # Errors
    /// As [`Model::load`], but for the weights' values and the device.
    pub fn read(dir: &Path) -> Result<Self> {
        let (config, tokenizer, files) = open(dir)?;
        Ok(Self {
            weight_bytes: files.weight_bytes(&config)?,
            config,
            tokenizer,
        })
    }
}

/// Whether a device's memory can hold a model's weights, as far as it is known.
#[cfg_attr(
    not(feature = "gpu"),
    expect(unused_variables, reason = "only a GPU's is")
)]
fn check_room(device: &Device, files: &WeightFiles, config: &DecoderConfig) -> Result<()> {
    match device {
        Device::Cpu => Ok(()),
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => {
            let adapter = gpu.adapter();
            room(
                &adapter.name,
                adapter.memory_bytes,
                files.weight_bytes(config)?,
            )
        }
    }
}

#[cfg(feature = "gpu")]
fn room(name: &str, memory: Option<u64>, weights: u64) -> Result<()> {
    match memory {
        Some(memory) if weights > memory => bail!(
            "{name} has {} MiB of memory, and the model's weights take {} MiB: take a smaller model (in bf16 the weights of {} million parameters fill it, and \
             `recode-trainer plan` says what a run takes beside them), another adapter (`recode-trainer devices` lists them), or the CPU (--device cpu)",
            memory >> 20,
            weights >> 20,
            memory / 2_000_000
        ),
        _ => Ok(()),
    }
}

/// The small files of a model directory, read, and those of weights, mapped.
fn open(dir: &Path) -> Result<(DecoderConfig, Tokenizer, WeightFiles)> {
    check_dir(
        dir,
        "model",
        "config.json, tokenizer.json and model.safetensors",
    )?;
    let config = read(
        &dir.join(CONFIG),
        "a model directory needs the model's config.json",
    )?;
    let config = DecoderConfig::from_json(&config)
        .with_context(|| format!("in {}", dir.join(CONFIG).display()))?;
    let tokenizer = Tokenizer::from_dir(dir)?;
    tokenizer.check_vocab_size(config.vocab_size)?;
    Ok((config, tokenizer, WeightFiles::open(dir)?))
}

/// Loads an adapter directory as PEFT writes it, for this decoder.
///
/// # Errors
/// Names the file, field or tensor and the way out; an adapter of another model shows by its shapes.
pub fn load_adapter(dir: &Path, decoder: &Decoder) -> Result<Adapter> {
    check_dir(
        dir,
        "adapter",
        "adapter_config.json and adapter_model.safetensors",
    )?;
    let config_path = dir.join(ADAPTER_CONFIG);
    let config = read(
        &config_path,
        "an adapter directory needs PEFT's adapter_config.json",
    )?;
    let config = AdapterConfig::from_json(&config)
        .with_context(|| format!("in {}", config_path.display()))?;
    let path = dir.join(ADAPTER_WEIGHTS);
    let hint = "an adapter directory needs PEFT's adapter_model.safetensors (adapter_model.bin is not read)";
    let files = WeightFiles {
        files: vec![(path.clone(), map(&path, hint)?)],
        shard_of: BTreeMap::new(),
        dir: dir.to_path_buf(),
    };
    Adapter::from_safetensors(&config, decoder.config(), &files.files[0].1).map_err(|error| {
        let another = matches!(error, Error::Misfit { .. });
        let error = files.explain(error);
        match another {
            true => {
                anyhow!("{error}; is it an adapter of this model, and of this adapter_config.json?")
            }
            false => error,
        }
    })
}

/// The bytes of the small files, none for one that is not there.
fn settings(dir: &Path) -> Result<Vec<Vec<u8>>> {
    let read = |name| {
        let path = dir.join(name);
        match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            bytes => bytes.with_context(|| format!("cannot read {}", path.display())),
        }
    };
    SETTINGS.into_iter().map(read).collect()
}

/// The weight files of a model directory, mapped.
struct WeightFiles {
    files: Vec<(PathBuf, Mmap)>,
    /// Which shard holds a tensor, by the index.
    shard_of: BTreeMap<String, String>,
    dir: PathBuf,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl WeightFiles {
    fn open(dir: &Path) -> Result<Self> {
        let (whole, index_path) = (dir.join(WEIGHTS), dir.join(INDEX));
        if exists(&whole)? || !exists(&index_path)? {
            let map = map(&whole, &missing_weights(dir))?;
            return Ok(Self {
                files: vec![(whole, map)],
                shard_of: BTreeMap::new(),
                dir: dir.to_path_buf(),
            });
        }
        let index: Index = serde_json::from_str(&read(&index_path, "")?).with_context(|| {
            format!(
                "{} is not an index of shards ({{\"weight_map\": {{tensor: file}}}})",
                index_path.display()
            )
        })?;
        let names: BTreeSet<&String> = index.weight_map.values().collect();
        if names.is_empty() {
            bail!(
                "{} names no shard: its weight_map is empty; download the index again",
                index_path.display()
            );
        }
        let mut files = Vec::new();
        for name in names {
            if Path::new(name).file_name() != Some(name.as_ref()) {
                bail!(
                    "{} names the shard {name:?}, which is not a plain file name in the directory",
                    index_path.display()
                );
            }
            let path = dir.join(name);
            let map = map(
                &path,
                &format!("{} names this shard; download it too", index_path.display()),
            )?;
            files.push((path, map));
        }
        Ok(Self {
            files,
            shard_of: index.weight_map,
            dir: dir.to_path_buf(),
        })
    }

    /// Bytes of the weights once they are loaded, by the files' heads, which have to be those of a decoder.
    fn weight_bytes(&self, config: &DecoderConfig) -> Result<u64> {
        let files: Vec<(&[u8], u64)> = self
            .files
            .iter()
            .map(|(_, map)| (map.as_ref(), map.len() as u64))
            .collect();
        let loading = Loading::new(config.clone(), &Device::Cpu, &files);
        let loading = loading.map_err(|error| self.explain(error))?;
        Ok(loading.weight_bytes())
    }

    /// The kernels know files by number; here they have names.
    fn explain(&self, error: Error) -> anyhow::Error {
        let of_tensor = |tensor: &str| match self.files.as_slice() {
            [(whole, _)] => whole.clone(),
            _ => match self.shard_of.get(tensor) {
                Some(shard) => self.dir.join(shard),
                None => self.dir.clone(),
            },
        };
        let (place, message) = match error {
            Error::WeightsFile { file, reason } => (self.files[file].0.clone(), reason),
            Error::Weights {
                tensor,
                file: Some(file),
                reason,
            } => (
                self.files[file].0.clone(),
                format!("tensor {tensor:?}: {reason}"),
            ),
            Error::Weights { ref tensor, .. } | Error::Misfit { ref tensor, .. } => {
                (of_tensor(tensor), error.to_string())
            }
            other => (self.dir.clone(), other.to_string()),
        };
        anyhow!("cannot load the weights of {}: {message}", place.display())
    }
}

fn missing_weights(dir: &Path) -> String {
    let others = [
        "pytorch_model.bin",
        "pytorch_model.bin.index.json",
        "consolidated.safetensors",
    ];
    match others.iter().find(|name| dir.join(name).exists()) {
        Some(other) => format!(
            "there is {other}, which is not read: save the model again as safetensors (save_pretrained(dir, safe_serialization=True))"
        ),
        None => format!("a model directory needs {WEIGHTS}, or {INDEX} and its shards"),
    }
}

/// Checks that `dir` is a directory, and says what to do where it is something else.
fn check_dir(dir: &Path, what: &str, holds: &str) -> Result<()> {
    let shown = dir.display();
    match std::fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => bail!("{shown} is a file: give the {what} directory that holds {holds}"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let name = dir.to_string_lossy();
            let looks_like_hub_id = name.split('/').count() == 2
                && !name.starts_with(['.', '/', '~'])
                && !name.ends_with('/');
            if looks_like_hub_id {
                bail!(
                    "{shown} is not a directory here; if it is a Hugging Face hub id: nothing is downloaded at run time, fetch it first (`hf download {shown} --local-dir DIR`) and give DIR"
                );
            }
            bail!("{shown} does not exist: give the {what} directory that holds {holds}")
        }
        // A part of the path is a file.
        Err(error) => Err(error).with_context(|| format!("cannot look into {shown}")),
    }
}

fn exists(path: &Path) -> Result<bool> {
    path.try_exists()
        .with_context(|| format!("cannot look for {}", path.display()))
}

/// The text of a small file; `hint` says what to do where it is missing.
fn read(path: &Path, hint: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!("{} is missing: {hint}", path.display()),
        _ => anyhow!("cannot read {}: {error}", path.display()),
    })
}

fn map(path: &Path, hint: &str) -> Result<Mmap> {
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!("{} is missing: {hint}", path.display()),
        _ => anyhow!("cannot read {}: {error}", path.display()),
    })?;
    let metadata = file
        .metadata()
        .with_context(|| format!("cannot read {}", path.display()))?;
    if metadata.is_dir() {
        bail!(
            "{} is a directory, but should be a safetensors file",
            path.display()
        );
    }
    if metadata.len() == 0 {
        bail!(
            "{} is empty: the download or copy broke off; fetch it again",
            path.display()
        );
    }
    // SAFETY: the map is only read, and only while the weights are copied out of it. Another process that cuts the file short in that
    // moment ends this one by SIGBUS; one that overwrites it garbles numbers. Neither can break memory safety of ours beyond that, and
    // the alternative, reading the file, needs the weights twice in memory.
    unsafe { Mmap::map(&file) }.with_context(|| format!("cannot map {}", path.display()))
}

#[cfg(test)]
mod tests;
