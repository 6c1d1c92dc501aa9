//! A golden model, its batch and its expected numbers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pollster::block_on;
use recode_kernels::Device;
use recode_kernels::batch::TokenBatch;
use recode_kernels::decoder::{Adapter, AdapterConfig, Decoder, DecoderConfig, Dropout};
use recode_kernels::ops::linear_logprob::{LogprobRequest, Logprobs, Sampling};
use recode_kernels::tensor::Tensor;
use serde::Deserialize;

/// The two architectures.
pub const MODELS: [&str; 2] = ["qwen2", "llama"];

/// How far a number may be from the reference's, as a share of the largest in its tensor. Rounding alone gives up to 1e-5:
/// sums in another order, through two layers whose logits are as large as 12.
pub const TOLERANCE: f32 = 5e-5;

/// `case.json`.
#[derive(Deserialize)]
pub struct Case {
    pub prompt: Vec<u32>,
    pub completions: Vec<Vec<u32>>,
    pub coefficients: Vec<f32>,
    pub adamw: AdamWCase,
    pub dropout: DropoutCase,
    pub losses: Vec<f64>,
}

#[derive(Deserialize)]
pub struct AdamWCase {
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
    pub steps: u64,
}

#[derive(Deserialize)]
pub struct DropoutCase {
    pub probability: f32,
    pub seed: u64,
    pub tokens: Vec<Vec<u64>>,
}

/// The processor, and every adapter that there is: as it is, and without planes and cut as for a GPU.
pub fn devices() -> Vec<Device> {
    let mut devices = vec![Device::Cpu];
    #[cfg(feature = "gpu")]
    {
        use recode_kernels::gpu::{AdapterKind, Gpu, Opening};
        let adapters = block_on(recode_kernels::gpu::adapters());
        assert!(
            !adapters.is_empty(),
            "no adapter: install mesa-vulkan-drivers"
        );
        for adapter in adapters {
            let as_a_gpu = Opening {
                planes: false,
                cut_for: Some(AdapterKind::Discrete),
                ..Opening::default()
            };
            for opening in [Opening::default(), as_a_gpu] {
                let gpu = block_on(Gpu::open_with(adapter.index, opening)).unwrap();
                devices.push(Device::Gpu(gpu));
            }
        }
    }
    devices
}

/// A golden model's directory.
pub struct Golden {
    pub name: &'static str,
    folder: PathBuf,
    pub case: Case,
    pub config: DecoderConfig,
}

/// The rows of a batch and what is asked of them.
pub struct Wanted {
    pub batch: TokenBatch,
    pub requests: Vec<LogprobRequest>,
    /// The name of each row's token, for dropout.
    pub tokens: Vec<u64>,
}

pub type Expected = BTreeMap<String, Vec<f32>>;

impl Golden {
    pub fn open(name: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../tests/golden")
            .join(name);
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
        Self {
            name,
            case: serde_json::from_str(&read("case.json")).unwrap(),
            config: DecoderConfig::from_json(&read("config.json")).unwrap(),
            folder,
        }
    }

    /// The decoder from all of the directory's safetensors files.
    pub fn decoder(&self) -> Decoder {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&self.folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.starts_with("model") && name.ends_with(".safetensors")
            })
            .collect();
        files.sort();
        let files: Vec<Vec<u8>> = files
            .iter()
            .map(|path| std::fs::read(path).unwrap())
            .collect();
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        Decoder::from_safetensors(self.config.clone(), &files).unwrap()
    }

    pub fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(file)).unwrap()
    }

    pub fn expected(&self, file: &str) -> Expected {
        let bytes = self.read(file);
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        file.tensors()
            .into_iter()
            .map(|(name, view)| {
                let (words, _) = view.data().as_chunks::<4>();
                (name, words.iter().map(|&b| f32::from_le_bytes(b)).collect())
            })
            .collect()
    }

    /// An adapter that peft wrote.
    pub fn adapter(&self, name: &str) -> Adapter {
        let text = String::from_utf8(self.read(&format!("{name}/adapter_config.json"))).unwrap();
        let config = AdapterConfig::from_json(&text).unwrap();
        let bytes = self.read(&format!("{name}/adapter_model.safetensors"));
        Adapter::from_safetensors(&config, &self.config, &bytes).unwrap()
    }

    /// One copy of the prompt for all completions.
    pub fn shared(&self) -> Wanted {
        let mut batch = TokenBatch::new();
        let completions: Vec<&[u32]> = self.case.completions.iter().map(Vec::as_slice).collect();
        let group = batch.push_group(&self.case.prompt, &completions);
        let mut requests = Vec::new();
        for (rows, ids) in group.completions.iter().zip(&completions) {
            for (place, &token) in ids.iter().enumerate() {
                let row = match place {
                    0 => group.prompt.end - 1,
                    _ => rows.start + place - 1,
                };
                requests.push(LogprobRequest {
                    row: row as u32,
                    token,
                });
            }
        }
        let names = &self.case.dropout.tokens;
        let prompt = self.case.prompt.len();
        let tokens = names[0][..prompt]
            .iter()
            .chain(names.iter().flat_map(|of| &of[prompt..]));
        Wanted {
            tokens: tokens.copied().collect(),
            batch,
            requests,
        }
    }

    /// The prompt before every completion, as transformers computes it.
    pub fn repeated(&self) -> Wanted {
        let mut batch = TokenBatch::new();
        let mut requests = Vec::new();
        for completion in &self.case.completions {
            let ids = [self.case.prompt.as_slice(), completion].concat();
            let rows = batch.push_segment(0..0, 0, &ids);
            for (place, &token) in completion.iter().enumerate() {
                let row = (rows.start + self.case.prompt.len() + place - 1) as u32;
                requests.push(LogprobRequest { row, token });
            }
        }
        Wanted {
            batch,
            requests,
            tokens: self.case.dropout.tokens.concat(),
        }
    }

    pub fn dropout(&self, wanted: &Wanted) -> Dropout {
        Dropout {
            probability: self.case.dropout.probability,
            seed: self.case.dropout.seed,
            tokens: wanted.tokens.clone(),
        }
    }
}

/// Log-probabilities, and the gradient of `sum of d_logprobs x logprobs` in the hidden states.
pub fn logprobs(
    decoder: &Decoder,
    hidden: &Tensor,
    wanted: &Wanted,
    d_logprobs: impl Fn(&Logprobs) -> Vec<f32>,
    gradients: Option<&mut recode_kernels::decoder::WeightGradients>,
) -> (Logprobs, Tensor) {
    let sampling = Sampling::default();
    let logprobs = block_on(decoder.logprobs(hidden, &wanted.requests, &sampling)).unwrap();
    let d_logprobs = d_logprobs(&logprobs);
    let device = decoder.device();
    let mut d_hidden = Tensor::zeros_on(&device, hidden.rows(), hidden.cols()).unwrap();
    decoder
        .logprobs_backward(
            hidden,
            &wanted.requests,
            &sampling,
            &logprobs,
            &d_logprobs,
            &mut d_hidden,
            gradients,
        )
        .unwrap();
    (logprobs, d_hidden)
}

/// Fails unless every number is within `tolerance` of its tensor's largest.
pub fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}: lengths");
    let largest = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let mut worst = 0.0f32;
    for (index, (g, e)) in got.iter().zip(expected).enumerate() {
        let off = (g - e).abs() / largest.max(f32::MIN_POSITIVE);
        assert!(
            off <= tolerance, // false for NaN
            "{what}[{index}] is {g}, expected {e}: off by {off:e} of the largest, {largest}"
        );
        worst = worst.max(off);
    }
    if std::env::var_os("RECODE_SHOW").is_some() {
        println!("{what}: off by at most {worst:e} of {largest}");
    }
}

/// Fails unless exactly the expected tensors are there and each is close.
pub fn assert_all_close(
    what: &str,
    prefix: &str,
    got: &[(String, &[f32])],
    expected: &Expected,
    tolerance: f32,
) {
    let names: Vec<&str> = expected
        .keys()
        .filter_map(|name| name.strip_prefix(prefix))
        .collect();
    let mut found: Vec<&str> = got.iter().map(|(name, _)| name.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, names, "{what}: names");
    for (name, values) in got {
        let label = format!("{what} {name}");
        assert_close(
            &label,
            values,
            &expected[&format!("{prefix}{name}")],
            tolerance,
        );
    }
}
