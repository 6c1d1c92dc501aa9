//! Models and adapters among files that were opened together: a folder each.

use std::collections::BTreeMap;

/// What a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A model in Hugging Face's layout.
    Model,
    /// An adapter in PEFT's layout.
    Adapter,
}

/// A folder with a model or an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which of the two.
    pub part: Part,
    /// Its path.
    pub name: String,
    /// Its files: their names, and their places in the list.
    pub files: Vec<(String, usize)>,
}

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const MODEL: [&str; 2] = ["config.json", "tokenizer.json"];
const ADAPTER: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];

/// The models among `paths`, and behind them the adapters (`run/checkpoints/step-000100/adapter_config.json`), and what folders lack that look like one.
pub fn find(paths: &[String]) -> (Vec<Found>, Vec<String>) {
    let mut folders: BTreeMap<&str, Vec<(String, usize)>> = BTreeMap::new();
    for (at, path) in paths.iter().enumerate() {
        let path = path.trim_start_matches('/');
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let files = folders.entry(folder).or_default();
        files.push((name.to_owned(), at));
    }
    let (mut found, mut lacking) = (Vec::new(), Vec::new());
    for (folder, files) in folders {
        let has = |name: &str| files.iter().any(|(own, _)| own == name);
        let name = match folder {
            "" => "the files",
            folder => folder,
        };
        if ADAPTER.iter().any(|name| has(name)) {
            match ADAPTER.iter().find(|name| !has(name)) {
                Some(missing) => lacking.push(format!(
                    "{name}: {missing} is missing: an adapter has {} and {}",
                    ADAPTER[0], ADAPTER[1]
                )),
                None => found.push(Found {
                    part: Part::Adapter,
                    name: name.to_owned(),
                    files: files.clone(),
                }),
            }
        }
        let (weights, [config, tokenizer]) = (has(WEIGHTS) || has(INDEX), MODEL.map(has));
        if weights && config && tokenizer {
            found.push(Found {
                part: Part::Model,
                name: name.to_owned(),
                files,
            });
        } else if config && tokenizer {
            lacking.push(format!(
                "{name}: {WEIGHTS} is missing, and so is {INDEX}: other formats are not read, save the model as safetensors"
            ));
        } else if weights {
            let missing = if config { MODEL[1] } else { MODEL[0] };
            lacking.push(format!("{name}: {missing} is missing beside the weights"));
        }
    }
    // Models first: who chooses one lets go of another's adapters.
    found.sort_by_key(|found| found.part == Part::Adapter);
    if found.is_empty() && lacking.is_empty() {
        lacking.push(format!(
            "{} files, but no checkpoint: expected a folder with config.json, tokenizer.json and {WEIGHTS}, or with {} and {}",
            paths.len(),
            ADAPTER[0],
            ADAPTER[1]
        ));
    }
    (found, lacking)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> (Vec<(Part, String, usize)>, Vec<String>) {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let (found, lacking) = find(&paths);
        let found = found
            .into_iter()
            .map(|found| (found.part, found.name, found.files.len()));
        (found.collect(), lacking)
    }

    #[test]
    fn a_run_has_an_adapter_a_checkpoint_and_maybe_its_policy() {
        let (found, lacking) = found(&[
            "run/config.toml",
            "run/metrics.jsonl",
            "run/policy/config.json",
            "run/policy/tokenizer.json",
            "run/policy/model.safetensors",
            "run/checkpoints/step-000001/adapter_config.json",
            "run/checkpoints/step-000001/adapter_model.safetensors",
            "run/checkpoints/step-000001/optimizer.safetensors",
        ]);
        assert_eq!(
            found,
            [
                (Part::Model, "run/policy".to_owned(), 3),
                (Part::Adapter, "run/checkpoints/step-000001".to_owned(), 3)
            ]
        );
        assert!(lacking.is_empty(), "{lacking:?}");
    }

    #[test]
    fn a_folder_may_hold_both() {
        let (found, lacking) = found(&[
            "m/config.json",
            "m/tokenizer.json",
            "m/model.safetensors",
            "m/adapter_config.json",
            "m/adapter_model.safetensors",
        ]);
        assert_eq!(
            found.iter().map(|found| found.0).collect::<Vec<_>>(),
            [Part::Model, Part::Adapter]
        );
        assert!(lacking.is_empty(), "{lacking:?}");
    }

    #[test]
    fn shards_are_a_model_too() {
        let (found, _) = found(&[
            "m/config.json",
            "m/tokenizer.json",
            "m/model.safetensors.index.json",
            "m/model-00001-of-00002.safetensors",
        ]);
        assert_eq!(found, [(Part::Model, "m".to_owned(), 4)]);
    }

    #[test]
    fn what_lacks_is_named() {
        for (paths, expected) in [
            (
                &["m/config.json", "m/tokenizer.json", "m/pytorch_model.bin"][..],
                "m: model.safetensors is missing, and so is model.safetensors.index.json",
            ),
            (
                &["m/config.json", "m/model.safetensors"],
                "m: tokenizer.json is missing",
            ),
            (&["model.safetensors"], "the files: config.json is missing"),
            (
                &["a/adapter_config.json"],
                "a: adapter_model.safetensors is missing",
            ),
            (
                &["a/adapter_model.safetensors"],
                "a: adapter_config.json is missing",
            ),
            (
                &["notes.txt", "photo.png"],
                "2 files, but no checkpoint: expected",
            ),
            (&[], "0 files, but no checkpoint"),
        ] {
            let (found, lacking) = found(paths);
            assert!(found.is_empty(), "{found:?}");
            assert!(
                lacking.len() == 1 && lacking[0].starts_with(expected),
                "{lacking:?}"
            );
        }
    }
}
