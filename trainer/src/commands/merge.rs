//! `recode-trainer merge`: a model with its adapter in it, as a model directory of its own.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use recode_kernels::Device;
use serde_json::{Map, Value};

use crate::atomic;
use crate::cli::Usage;
use crate::model_dir::{Model, load_adapter};

const CONFIG: &str = "config.json";
/// What belongs to a model directory beside configuration and weights; copied where it is there.
const COMPANIONS: [&str; 8] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "generation_config.json",
];

/// Write a model with an adapter merged into its weights, in Hugging Face layout.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Model directory in Hugging Face layout.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Adapter directory in PEFT's layout, for example a checkpoint of `train`.
    #[arg(long, value_name = "DIR")]
    adapter: PathBuf,
    /// Directory to write; must not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Precision of the merged model's matrices: float32 loses nothing of the adapter, bfloat16 takes half the space.
    #[arg(long, value_enum, default_value_t = Dtype::Float32)]
    dtype: Dtype,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Dtype {
    Float32,
    Bfloat16,
}

impl Dtype {
    fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
        }
    }
}

pub fn run(args: Args) -> anyhow::Result<()> {
    if args.out.exists() {
        return Err(Usage::error(format_args!(
            "{} exists already: choose another --out, or remove it",
            args.out.display()
        )));
    }
    let Model { decoder, .. } = Model::load(&args.model, &Device::Cpu)?;
    let adapter = load_adapter(&args.adapter, &decoder)?;
    let merged = decoder.merge(&adapter)?;
    let mut decoder = decoder.with_merged(merged);
    match args.dtype {
        Dtype::Float32 => decoder.widen(),
        Dtype::Bfloat16 => decoder.narrow(),
    }
    let mut files = vec![(CONFIG, config(&args.model.join(CONFIG), args.dtype)?)];
    for name in COMPANIONS {
        let path = args.model.join(name);
        match fs::read(&path) {
            Ok(bytes) => files.push((name, bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        }
    }
    files.push(("model.safetensors", decoder.to_safetensors()?));
    if let Some(parent) = args.out.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
    }
    atomic::write_folder(&args.out, &files)?;
    writeln!(std::io::stdout(), "{}", args.out.display())?;
    Ok(())
}

/// The model's configuration with the new precision; everything else as it was.
fn config(path: &Path, dtype: Dtype) -> anyhow::Result<Vec<u8>> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut fields: Map<String, Value> = serde_json::from_slice(&text)
        .with_context(|| format!("{} is no JSON object", path.display()))?;
    // transformers 5 writes `dtype`, earlier ones `torch_dtype`; both are read.
    let name = if fields.contains_key("dtype") {
        "dtype"
    } else {
        "torch_dtype"
    };
    fields.insert(name.to_owned(), dtype.name().into());
    let mut bytes = serde_json::to_vec_pretty(&fields)?;
    bytes.push(b'\n');
    Ok(bytes)
}
