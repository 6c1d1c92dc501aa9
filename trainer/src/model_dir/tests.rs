use super::*;
use crate::tiny;
use std::fs;

/// What a person reads after `break_it` had its way with a sound directory, the directory's name replaced by DIR.
fn complaint(break_it: impl FnOnce(&Path)) -> String {
    let dir = tiny::model_dir(1);
    break_it(dir.path());
    let error = Model::load(dir.path(), &Device::Cpu).expect_err("the directory is broken");
    format!("{error:#}").replace(&dir.path().display().to_string(), "DIR")
}

fn assert_names(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

/// Splits the weights into two shards with an index.
fn shard(dir: &Path) {
    let bytes = fs::read(dir.join(WEIGHTS)).unwrap();
    let all = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut weight_map = serde_json::Map::new();
    for (number, half) in [(1, false), (2, true)] {
        let name = format!("model-{number:05}-of-00002.safetensors");
        let tensors: Vec<_> = all
            .tensors()
            .into_iter()
            .filter(|(tensor, _)| tensor.contains("layers.1") == half)
            .collect();
        weight_map.extend(
            tensors
                .iter()
                .map(|(tensor, _)| (tensor.clone(), name.clone().into())),
        );
        fs::write(
            dir.join(name),
            safetensors::serialize(tensors, None).unwrap(),
        )
        .unwrap();
    }
    fs::write(
        dir.join(INDEX),
        serde_json::json!({"metadata": {}, "weight_map": weight_map}).to_string(),
    )
    .unwrap();
    fs::remove_file(dir.join(WEIGHTS)).unwrap();
}

#[test]
fn shards_load_as_the_whole_file_does() {
    let dir = tiny::model_dir(1);
    let whole = Model::load(dir.path(), &Device::Cpu).unwrap();
    shard(dir.path());
    let sharded = Model::load(dir.path(), &Device::Cpu).unwrap();
    assert_eq!(
        whole.decoder.to_safetensors().unwrap(),
        sharded.decoder.to_safetensors().unwrap()
    );
}

#[test]
fn what_is_no_model_directory_is_answered_with_the_way_to_one() {
    let load = |dir: &str| {
        format!(
            "{:#}",
            Model::load(Path::new(dir), &Device::Cpu).unwrap_err()
        )
    };
    assert_names(
        &load("HuggingFaceTB/SmolLM2-135M-Instruct"),
        &["hub id", "hf download HuggingFaceTB/SmolLM2-135M-Instruct"],
    );
    assert_names(
        &load("./no/such/dir"),
        &["./no/such/dir does not exist", "config.json"],
    );
    assert_names(&load("no-such-dir"), &["no-such-dir does not exist"]);
    let dir = tiny::model_dir(1);
    let file = dir.path().join(WEIGHTS);
    assert_names(
        &load(file.to_str().unwrap()),
        &["is a file", "model directory"],
    );
    let beyond = file.join("deeper");
    assert_names(&load(beyond.to_str().unwrap()), &["cannot look into"]);
}

#[test]
fn a_missing_file_is_named_with_the_way_out() {
    for name in [CONFIG, "tokenizer.json", WEIGHTS] {
        let message = complaint(|dir| fs::remove_file(dir.join(name)).unwrap());
        assert_names(
            &message,
            &[&format!("DIR/{name} is missing"), "a model directory needs"],
        );
    }
    let message =
        complaint(|dir| fs::rename(dir.join(WEIGHTS), dir.join("pytorch_model.bin")).unwrap());
    assert_names(&message, &["pytorch_model.bin", "safe_serialization"]);
}

#[test]
fn a_directory_in_a_files_place_is_an_error() {
    for name in [CONFIG, "tokenizer.json", "generation_config.json", WEIGHTS] {
        let message = complaint(|dir| {
            fs::remove_file(dir.join(name)).unwrap();
            fs::create_dir(dir.join(name)).unwrap();
        });
        assert_names(&message, &[&format!("DIR/{name}"), "directory"]);
    }
}

#[test]
fn truncated_weights_name_the_file() {
    let whole = fs::metadata(tiny::model_dir(1).path().join(WEIGHTS))
        .unwrap()
        .len();
    for length in [0, 3, 8, 100, whole / 2, whole - 1] {
        let message = complaint(|dir| {
            let file = File::options().write(true).open(dir.join(WEIGHTS)).unwrap();
            file.set_len(length).unwrap();
        });
        assert_names(&message, &["DIR/model.safetensors"]);
        assert!(
            message.contains("truncated") || message.contains("broke off"),
            "{length} bytes: {message}"
        );
    }
}

#[test]
fn a_truncated_or_absent_shard_is_named() {
    let message = complaint(|dir| {
        shard(dir);
        fs::remove_file(dir.join("model-00002-of-00002.safetensors")).unwrap();
    });
    assert_names(
        &message,
        &[
            "DIR/model-00002-of-00002.safetensors is missing",
            "DIR/model.safetensors.index.json names this shard",
        ],
    );
    let message = complaint(|dir| {
        shard(dir);
        File::options()
            .write(true)
            .open(dir.join("model-00002-of-00002.safetensors"))
            .unwrap()
            .set_len(5000)
            .unwrap();
    });
    assert_names(
        &message,
        &[
            "cannot load the weights of DIR/model-00002-of-00002.safetensors: ",
            "truncated",
        ],
    );
}

#[test]
fn an_index_that_lies_is_an_error() {
    let with_index = |text: &str| {
        complaint(|dir| {
            shard(dir);
            fs::write(dir.join(INDEX), text).unwrap();
        })
    };
    assert_names(
        &with_index("{\"weight_map\": {}}"),
        &["DIR/model.safetensors.index.json", "names no shard"],
    );
    assert_names(
        &with_index("{\"weight_map\": {\"a\": \"../a.safetensors\"}}"),
        &["../a.safetensors", "plain file name"],
    );
    assert_names(
        &with_index("{\"weight_map\": {\"a\":"),
        &["DIR/model.safetensors.index.json is not an index"],
    );
    // Half of the tensors stand in a shard that the index does not name.
    let message = with_index(
        "{\"weight_map\": {\"model.norm.weight\": \"model-00001-of-00002.safetensors\"}}",
    );
    assert_names(&message, &["model.layers.1.", "is missing"]);
}

#[test]
fn a_tokenizer_of_a_larger_vocabulary_is_an_error_with_both_numbers() {
    let message = complaint(|dir| {
        fs::write(
            dir.join(CONFIG),
            tiny::CONFIG.replace("\"vocab_size\": 300", "\"vocab_size\": 290"),
        )
        .unwrap();
    });
    assert_names(&message, &["DIR/tokenizer.json", "299", "290"]);
    let message = complaint(|dir| {
        fs::write(
            dir.join("generation_config.json"),
            "{\"eos_token_id\": [2, 300]}",
        )
        .unwrap()
    });
    assert_names(
        &message,
        &[
            "DIR/tokenizer.json",
            "end token id 300",
            "vocab_size is 300",
        ],
    );
}

#[test]
fn a_config_of_another_computation_names_file_and_field() {
    let message = complaint(|dir| {
        fs::write(
            dir.join(CONFIG),
            tiny::CONFIG.replace("\"silu\"", "\"gelu\""),
        )
        .unwrap();
    });
    assert_names(&message, &["DIR/config.json", "hidden_act", "gelu"]);
    assert_names(
        &complaint(|dir| fs::write(dir.join(CONFIG), &tiny::CONFIG[..90]).unwrap()),
        &["DIR/config.json"],
    );
}

#[test]
fn weights_of_another_shape_name_file_and_tensor() {
    let message = complaint(|dir| {
        fs::write(
            dir.join(CONFIG),
            tiny::CONFIG.replace("\"intermediate_size\": 52", "\"intermediate_size\": 54"),
        )
        .unwrap();
    });
    assert_names(&message, &["DIR/model.safetensors", "mlp.", "52", "54"]);
}

#[test]
fn nan_in_the_weights_names_file_tensor_and_place() {
    let message = complaint(|dir| {
        let mut bytes = fs::read(dir.join(WEIGHTS)).unwrap();
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        fs::write(dir.join(WEIGHTS), bytes).unwrap();
    });
    assert_names(
        &message,
        &["DIR/model.safetensors", "tensor \"model.", "NaN at ["],
    );
}

const ADAPTER: &str = r#"{"peft_type": "LORA", "r": 3, "lora_alpha": 6, "lora_dropout": 0.0, "use_dora": true, "target_modules": ["q_proj", "v_proj"]}"#;

/// An adapter directory beside a model directory; the adapter does nothing yet.
fn with_adapter() -> (tempfile::TempDir, PathBuf, Model) {
    let dir = tiny::model_dir(1);
    let model = Model::load(dir.path(), &Device::Cpu).unwrap();
    let path = dir.path().join("adapter");
    fs::create_dir(&path).unwrap();
    let adapter = Adapter::init(
        &AdapterConfig::from_json(ADAPTER).unwrap(),
        &model.decoder,
        5,
    )
    .unwrap();
    fs::write(path.join(ADAPTER_CONFIG), ADAPTER).unwrap();
    fs::write(
        path.join(ADAPTER_WEIGHTS),
        adapter.to_safetensors().unwrap(),
    )
    .unwrap();
    (dir, path, model)
}

#[test]
fn an_adapter_directory_loads_and_merges() {
    let (_dir, path, model) = with_adapter();
    let adapter = load_adapter(&path, &model.decoder).unwrap();
    assert_eq!(adapter.config().r, 3);
    assert!(model.merged(Some(&path)).unwrap().is_some());
    assert!(model.merged(None).unwrap().is_none());
}

#[test]
fn a_broken_adapter_directory_is_named_with_the_way_out() {
    let broken = |break_it: &dyn Fn(&Path)| {
        let (dir, path, model) = with_adapter();
        break_it(&path);
        let error = load_adapter(&path, &model.decoder).expect_err("the adapter is broken");
        format!("{error:#}").replace(&dir.path().display().to_string(), "DIR")
    };
    for name in [ADAPTER_CONFIG, ADAPTER_WEIGHTS] {
        let message = broken(&|path| fs::remove_file(path.join(name)).unwrap());
        assert_names(
            &message,
            &[
                &format!("DIR/adapter/{name} is missing"),
                "an adapter directory needs",
            ],
        );
    }
    let message = broken(&|path| {
        File::options()
            .write(true)
            .open(path.join(ADAPTER_WEIGHTS))
            .unwrap()
            .set_len(400)
            .unwrap()
    });
    assert_names(
        &message,
        &["DIR/adapter/adapter_model.safetensors", "truncated"],
    );
    assert!(!message.contains("is it an adapter"), "damaged: {message}");
    // A LoRA's config beside a DoRA's tensors: one too many is another adapter, too.
    let message = broken(&|path| {
        fs::write(
            path.join(ADAPTER_CONFIG),
            ADAPTER.replace("\"use_dora\": true", "\"use_dora\": false"),
        )
        .unwrap()
    });
    assert_names(
        &message,
        &["is it an adapter of this model", "lora_magnitude_vector"],
    );
    // Rank 4 in the config, 3 in the tensors.
    let message = broken(&|path| {
        fs::write(
            path.join(ADAPTER_CONFIG),
            ADAPTER.replace("\"r\": 3", "\"r\": 4"),
        )
        .unwrap()
    });
    assert_names(
        &message,
        &[
            "is it an adapter of this model",
            "DIR/adapter/adapter_model.safetensors",
            "lora_A",
        ],
    );
    let message = broken(&|path| fs::write(path.join(ADAPTER_CONFIG), "{\"r\": }").unwrap());
    assert_names(&message, &["DIR/adapter/adapter_config.json"]);
    let message = broken(&|path| fs::remove_dir_all(path).unwrap());
    assert_names(
        &message,
        &["DIR/adapter does not exist", "adapter directory"],
    );
}

#[cfg(feature = "gpu")]
#[test]
fn weights_that_a_gpu_has_no_room_for_are_refused_with_both_numbers() {
    assert!(room("a card", Some(4 << 30), 4 << 30).is_ok());
    assert!(room("a card of unknown memory", None, u64::MAX).is_ok());
    let said = room("a card", Some(4 << 30), 13 << 30)
        .unwrap_err()
        .to_string();
    assert!(
        said.starts_with("a card has 4096 MiB of memory, and the model's weights take 13312 MiB: take a smaller model (in bf16 the weights of 2147 million"),
        "{said}"
    );
}
