//! A model, maybe with an adapter, ready to be asked.

use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, anyhow};
use js_sys::Function;
use recode_kernels::Device;
use recode_kernels::decoder::{Adapter, AdapterConfig, Decoder, DecoderConfig, Loading, Merged};
use recode_kernels::error::Error;
use recode_rollout::logprobs::{Tokens, completion_logprobs};
use recode_rollout::tokenizer::Tokenizer;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use crate::device::{self, Chosen};
use crate::js_error;
use crate::source::Source;

#[wasm_bindgen]
extern "C" {
    /// The files of a model directory, as `js/worker.js` found them.
    pub type ModelFiles;

    /// config.json
    #[wasm_bindgen(method, getter)]
    fn config(this: &ModelFiles) -> Source;

    /// tokenizer.json
    #[wasm_bindgen(method, getter)]
    fn tokenizer(this: &ModelFiles) -> Source;

    /// Those of generation_config.json, config.json and tokenizer_config.json that are there: they name the end tokens.
    #[wasm_bindgen(method, getter)]
    fn settings(this: &ModelFiles) -> Vec<Source>;

    /// model.safetensors, or its shards.
    #[wasm_bindgen(method, getter)]
    fn weights(this: &ModelFiles) -> Vec<Source>;

    /// The files of an adapter directory.
    pub type AdapterFiles;

    /// adapter_config.json
    #[wasm_bindgen(method, getter, js_name = config)]
    fn adapter_config(this: &AdapterFiles) -> Source;

    /// adapter_model.safetensors
    #[wasm_bindgen(method, getter, js_name = weights)]
    fn adapter_weights(this: &AdapterFiles) -> Source;
}

/// A model in a device's memory; its adapters' checkpoints share the weights.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Checkpoint {
    pub(crate) decoder: Rc<Decoder>,
    pub(crate) merged: Option<Merged>,
    pub(crate) tokenizer: Rc<Tokenizer>,
    chosen: Chosen,
}

#[wasm_bindgen]
impl Checkpoint {
    /// Loads a model, and an adapter where there is one; `progress(done, all)` hears how many bytes of the weights have come.
    ///
    /// # Errors
    /// Names the file, and within it the field or tensor; there is no such device, or no memory for so much.
    pub async fn load(
        files: ModelFiles,
        adapter: Option<AdapterFiles>,
        device: String,
        progress: Function,
    ) -> Result<Checkpoint, JsError> {
        load(&files, adapter.as_ref(), &device, &progress)
            .await
            .map_err(js_error)
    }

    /// The same model with another adapter, or with none.
    ///
    /// # Errors
    /// Names the file, and within it the field or tensor.
    #[wasm_bindgen(js_name = withAdapter)]
    pub async fn with_adapter(&self, adapter: Option<AdapterFiles>) -> Result<Checkpoint, JsError> {
        self.adapted(adapter.as_ref()).await.map_err(js_error)
    }

    /// What it computes on, as JSON.
    #[wasm_bindgen(getter)]
    pub fn device(&self) -> String {
        serde_json::to_string(&self.chosen).expect("names and texts")
    }

    /// How likely a completion is, token by token: `{prompt, completion, temperature}` in, what `recode-trainer logprobs` writes out.
    ///
    /// # Errors
    /// Names the field; those of [`completion_logprobs`].
    pub async fn logprobs(&self, request: String) -> Result<String, JsError> {
        self.answer_logprobs(&request).await.map_err(js_error)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogprobsRequest {
    prompt: Tokens,
    completion: Tokens,
    /// No `Option`: JSON has `null` for what is not a number.
    #[serde(default = "one")]
    temperature: f32,
}

fn one() -> f32 {
    1.0
}

impl Checkpoint {
    fn new(
        decoder: Rc<Decoder>,
        tokenizer: Rc<Tokenizer>,
        chosen: Chosen,
        adapter: Option<Adapter>,
    ) -> Result<Self> {
        let merged = match adapter {
            Some(adapter) => Some(decoder.merge(&adapter.to(&decoder.device())?)?),
            None => None,
        };
        Ok(Self {
            decoder,
            merged,
            tokenizer,
            chosen,
        })
    }

    async fn adapted(&self, adapter: Option<&AdapterFiles>) -> Result<Self> {
        let adapter = read_adapter(adapter, self.decoder.config()).await?;
        let (decoder, tokenizer) = (self.decoder.clone(), self.tokenizer.clone());
        Self::new(decoder, tokenizer, self.chosen.clone(), adapter)
    }

    async fn answer_logprobs(&self, request: &str) -> Result<String> {
        let request: LogprobsRequest = serde_json::from_str(request)?;
        let scored = completion_logprobs(
            &self.decoder,
            self.merged.as_ref(),
            request.prompt.ids(&self.tokenizer).context("prompt")?,
            request
                .completion
                .ids(&self.tokenizer)
                .context("completion")?,
            request.temperature,
        )
        .await?;
        Ok(serde_json::to_string(&scored)?)
    }
}

async fn load(
    files: &ModelFiles,
    adapter: Option<&AdapterFiles>,
    device: &str,
    progress: &Function,
) -> Result<Checkpoint> {
    let (device, chosen) = device::open(device).await?;
    // The small files first, so that a mistake in them costs no wait.
    let config = text(&files.config()).await?;
    let config = DecoderConfig::from_json(&config)
        .with_context(|| format!("in {}", files.config().name()))?;
    let tokenizer = read_tokenizer(files).await?;
    tokenizer.check_vocab_size(config.vocab_size)?;
    let adapter = read_adapter(adapter, &config).await?;
    let decoder = read_decoder(&files.weights(), config, &device, progress).await?;
    Checkpoint::new(Rc::new(decoder), Rc::new(tokenizer), chosen, adapter)
}

async fn read_decoder(
    files: &[Source],
    config: DecoderConfig,
    device: &Device,
    progress: &Function,
) -> Result<Decoder> {
    let mut headers = Vec::new();
    for file in files {
        headers.push(header(file).await?);
        if files.len() > 1 {
            file.pause();
        }
    }
    let headers: Vec<(&[u8], u64)> = headers
        .iter()
        .zip(files)
        .map(|(header, file)| (header.as_slice(), file.bytes()))
        .collect();
    let explain = |error| explain(files, error);
    let mut loading = Loading::new(config, device, &headers).map_err(explain)?;
    let all = loading.bytes();
    let mut done = 0;
    let mut heard = |bytes| {
        done += bytes;
        // Whoever listens cannot stop it but by the source.
        let _ = progress.call2(&JsValue::NULL, &(done as f64).into(), &(all as f64).into());
    };
    heard(0);
    while let Some(place) = loading.awaited() {
        let (start, end) = (place.bytes.start, place.bytes.end);
        let bytes = files[place.file].range(start, end, &mut heard).await?;
        loading.put(&bytes).map_err(explain)?;
    }
    let mut decoder = loading.finish().map_err(explain)?;
    if *device == Device::Cpu {
        decoder.freeze();
    }
    Ok(decoder)
}

/// As much of a safetensors file as its header takes, or a broken file's first bytes, about which the kernels know what to say.
async fn header(file: &Source) -> Result<Vec<u8>> {
    let first = file.range(0, file.bytes().min(8), |_| {}).await?;
    let length = match first.as_slice().try_into() {
        Ok(first) => Loading::header_bytes(first),
        Err(_) => None,
    };
    match length.filter(|length| *length <= file.bytes()) {
        Some(length) => {
            let rest = file.range(8, length, |_| {}).await?;
            Ok([first, rest].concat())
        }
        None => Ok(first),
    }
}

/// The kernels know files by number; here they have names.
fn explain(files: &[Source], error: Error) -> anyhow::Error {
    match error {
        Error::WeightsFile { file, reason } => anyhow!("{}: {reason}", files[file].name()),
        Error::Weights {
            tensor,
            file: Some(file),
            reason,
        } => anyhow!("{}: tensor {tensor:?}: {reason}", files[file].name()),
        other => match files {
            [file] => anyhow!("{}: {other}", file.name()),
            _ => other.into(),
        },
    }
}

async fn read_tokenizer(files: &ModelFiles) -> Result<Tokenizer> {
    let json = files.tokenizer().all().await?;
    let mut settings = Vec::new();
    for file in files.settings() {
        settings.push((file.name(), file.all().await?));
    }
    let settings: Vec<(&Path, &[u8])> = settings
        .iter()
        .map(|(name, bytes)| (Path::new(name), bytes.as_slice()))
        .collect();
    Tokenizer::from_json(Path::new(&files.tokenizer().name()), &json, &settings)
}

async fn read_adapter(
    files: Option<&AdapterFiles>,
    decoder: &DecoderConfig,
) -> Result<Option<Adapter>> {
    let Some(files) = files else { return Ok(None) };
    let config = text(&files.adapter_config()).await?;
    let config = AdapterConfig::from_json(&config)
        .with_context(|| format!("in {}", files.adapter_config().name()))?;
    let weights = files.adapter_weights();
    let adapter = Adapter::from_safetensors(&config, decoder, &weights.all().await?)
        .map_err(|error| explain(&[weights], error))?;
    Ok(Some(adapter))
}

async fn text(file: &Source) -> Result<String> {
    String::from_utf8(file.all().await?).with_context(|| format!("{} is not UTF-8", file.name()))
}
