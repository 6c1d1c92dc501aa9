use super::*;

const SMALLEST: &str = "name = \"a\"\n[model]\npath = \"m\"\n[data]\ntrain = \"t.jsonl\"\n";

fn with(lines: &str, set: &[&str]) -> anyhow::Result<Config> {
    let set: Vec<String> = set.iter().map(|&s| s.to_owned()).collect();
    Config::from_toml(&format!("{SMALLEST}{lines}"), "run.toml", &set)
}

fn complaint(lines: &str, set: &[&str]) -> String {
    format!(
        "{:#}",
        with(lines, set).expect_err("the configuration is wrong")
    )
}

#[test]
fn what_is_not_given_has_its_default() {
    let config = with("", &[]).unwrap();
    let expected = Config {
        name: "a".into(),
        model: ModelConfig { path: "m".into() },
        data: DataConfig {
            train: "t.jsonl".into(),
            ..Default::default()
        },
        run: RunConfig {
            eval_max_completion_length: 1024,
            ..Default::default()
        },
        ..Default::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn every_field_is_in_the_table_and_in_the_help() {
    let mut all = Config::default();
    all.loss.dual_clip = Some(10.0); // absent values are not serialized
    let table = toml::Table::try_from(&all).unwrap();
    let mut names = Vec::new();
    for (name, value) in &table {
        match value {
            toml::Value::Table(section) => {
                names.extend(section.keys().map(|leaf| format!("{name}.{leaf}")))
            }
            _ => names.push(name.clone()),
        }
    }
    let mut known: Vec<_> = keys().iter().map(|key| key.name.to_owned()).collect();
    names.sort();
    known.sort();
    assert_eq!(names, known);

    let help = help();
    for key in keys() {
        assert!(
            !key.doc.is_empty() && help.contains(key.doc),
            "{} is not explained",
            key.name
        );
        assert!(
            help.contains(&format!("  {} = {}\n", key.leaf(), key.default_text())),
            "{}",
            key.name
        );
    }
}

#[test]
fn only_name_model_and_data_are_required() {
    let required: Vec<_> = keys()
        .into_iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    assert_eq!(required, ["name", "model.path", "data.train"]);
    let missing = format!(
        "{:#}",
        Config::from_toml("name = \"a\"", "run.toml", &[]).unwrap_err()
    );
    assert_eq!(
        missing,
        "run.toml: model.path is missing (a folder): add it to the file or give --set model.path=…"
    );
}

#[test]
fn what_was_written_down_reads_back_the_same() {
    for set in [
        &[][..],
        &[
            "loss.dual_clip=10",
            "seed=7",
            "optimizer.learning_rate=3e-7",
            "data.eval=\"a \\\"b\\\".jsonl\"",
        ],
    ] {
        let config = with("", set).unwrap();
        let text = config.to_toml().unwrap();
        assert_eq!(
            Config::from_toml(&text, "config.toml", &[]).unwrap(),
            config
        );
        for key in keys() {
            assert!(text.contains(&format!("# {}\n", key.doc)), "{}", key.name);
        }
    }
}

#[test]
fn set_overrides_the_file_from_left_to_right() {
    let config = with(
        "[rollout]\ntop_p = 0.5\n",
        &[
            "rollout.top_p=0.6",
            "rollout.top_p=0.7",
            "rollout.num_generations = 4",
        ],
    )
    .unwrap();
    assert_eq!(
        (config.rollout.top_p, config.rollout.num_generations),
        (0.7, 4)
    );
    let taken_back = with("[rollout]\ntop_p = 0.5\n", &["rollout.top_p="]).unwrap();
    assert_eq!(taken_back.rollout.top_p, 1.0);
}

#[test]
fn set_takes_text_with_or_without_quotes() {
    for (set, name) in [
        ("name=grpo", "grpo"),
        ("name=\"grpo\"", "grpo"),
        ("name=2024", "2024"),
        ("name=true", "true"),
    ] {
        assert_eq!(with("", &[set]).unwrap().name, name, "{set}");
    }
    let config = with(
        "",
        &[
            "reward.mode=paper",
            "adapter.target_modules=[\"o_proj\", \"k_proj\"]",
        ],
    )
    .unwrap();
    assert_eq!(config.reward.mode, RewardMode::Paper);
    assert_eq!(
        config.adapter.target_modules,
        [Target::OProj, Target::KProj]
    );
}

#[test]
fn a_reward_is_a_weighted_list_of_parts() {
    let text = "[reward]\ncomparison = \"tree\"\n[reward.weights]\nformat = 0.5\nedit_gain = 1\noverlong = 1.0\n";
    let config = with(text, &["reward.overlong_buffer=32"]).unwrap();
    assert_eq!(
        config.reward.weights.to_string(),
        "format=0.5,edit_gain=1,overlong=1"
    );
    let overlong = Some(recode_core::reward::Overlong {
        max_length: 1024,
        buffer: 32,
    });
    assert_eq!(
        (config.rubric().overlong, config.rubric().comparison),
        (overlong, Comparison::Tree)
    );
    let written = config.to_toml().unwrap();
    assert_eq!(
        Config::from_toml(&written, "config.toml", &[]).unwrap(),
        config
    );
    let set = with("", &["reward.weights={format=1.0, edit_gain=1.0}"]).unwrap();
    assert_eq!(set.rubric(), recode_core::reward::Rubric::edit_gain());
    assert_eq!(
        set.rubric().overlong,
        None,
        "without a weight there is no penalty"
    );
    for (text, part) in [
        (
            "[reward.weights]\nes = 1\n",
            "reward.weights = { es = 1 }: unknown part of the reward `es`: use `format`, ",
        ),
        (
            "[reward.weights]\nformat = 0\n",
            "the weight of format is 0",
        ),
        ("[reward]\nweights = {}\n", "no part has a weight"),
        (
            "[reward]\nmode = \"paper\"\ncomparison = \"tokens\"\n",
            "[reward]: mode paper compares characters",
        ),
        (
            "[reward]\noverlong_buffer = 1025\nweights = { overlong = 1.0 }\n",
            "buffer is 1025, but must be from 1 to max_length, 1024",
        ),
    ] {
        let complaint = complaint(text, &[]);
        assert!(complaint.contains(part), "{complaint}");
    }
}

#[test]
fn every_key_takes_its_default_by_set_and_refuses_another_type() {
    let plain = with("", &[]).unwrap();
    for key in keys() {
        if let Some(default) = key.default.as_ref().filter(|_| !key.required) {
            let set = format!("{}={default}", key.name);
            assert_eq!(with("", &[&set]).unwrap(), plain, "{set}");
        }
        let wrong = toml::Value::Array(vec![toml::Value::Array(Vec::new())]);
        assert!((key.check)(&wrong).is_err(), "{}", key.name);
    }
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_known_one() {
    assert_eq!(
        complaint("[loss]\nbeta = 0.1\nclip_ratio_hi = 0.3\n", &[]),
        "run.toml:8: there is no key loss.clip_ratio_hi; did you mean loss.clip_ratio_high?"
    );
    assert_eq!(
        complaint("[run]\nlearning_rate = 0.1\n", &[]),
        "run.toml:7: there is no key run.learning_rate; did you mean optimizer.learning_rate?"
    );
    assert_eq!(
        complaint("", &["num_generations=4"]),
        "--set num_generations=4: there is no key num_generations; did you mean rollout.num_generations?"
    );
    assert_eq!(
        complaint("[rollouts]\ntop_p = 1\n", &[]),
        "run.toml:6: there is no section [rollouts]; did you mean [rollout]?"
    );
    assert_eq!(
        complaint("", &["qqqqzzzz=1"]),
        "--set qqqqzzzz=1: there is no key qqqqzzzz; `recode-trainer train --help` lists all keys"
    );
}

#[test]
fn a_wrong_value_names_key_value_and_what_is_permitted() {
    assert_eq!(
        complaint("[rollout]\nnum_generations = 1\n", &[]),
        "run.toml:7: rollout.num_generations = 1 is not permitted: 2 to 65535"
    );
    assert!(
        complaint("", &["adapter.target_modules=[]"])
            .contains("is not permitted: at least one, none twice")
    );
    assert_eq!(
        complaint("", &["reward.mode=harsh"]),
        "--set reward.mode=harsh: reward.mode = \"harsh\": unknown variant `harsh`, expected `paper` or `strict` (permitted: \"paper\", \"strict\")"
    );
    assert_eq!(
        complaint("[rollout]\ntop_p = \"all\"\n", &[]),
        "run.toml:7: rollout.top_p = \"all\": invalid type: string \"all\", expected f64 (permitted: greater than 0, at most 1; as an f32 neither 0 nor rounded up to 1)"
    );
    for nan in [
        "adapter.lora_alpha=nan",
        "loss.beta=inf",
        "optimizer.warmup_ratio=nan",
        "rollout.top_p=nan",
        "loss.dual_clip=nan",
    ] {
        assert!(complaint("", &[nan]).contains("is not permitted"), "{nan}");
    }
}

/// What is computed with is an f32: 1e-50 would be 0 (greedy), and 0.99999999 of a distribution all of it.
#[test]
fn a_value_that_becomes_another_one_as_an_f32_is_refused() {
    for set in [
        "adapter.lora_alpha=1e-50",
        "adapter.lora_alpha=1e50",
        "adapter.lora_dropout=0.99999999999",
        "adapter.lora_dropout=1e-50",
        "rollout.temperature=1e-50",
        "rollout.temperature=1e-40",
        "rollout.temperature=1e39",
        "rollout.top_p=0.99999999",
        "rollout.top_p=1e-50",
        "optimizer.adam_epsilon=1e-50",
        "optimizer.adam_beta1=0.99999999999",
        "optimizer.adam_beta2=0.99999999999",
        "run.eval_temperature=1e-50",
    ] {
        let text = complaint("", &[set]);
        assert!(
            text.contains("is not permitted: ") && text.contains("f32"),
            "{text}"
        );
    }
    let near = [
        "rollout.temperature=1e-30",
        "rollout.top_p=0.9999999",
        "rollout.top_p=1",
        "adapter.lora_dropout=0",
        "run.eval_temperature=0",
    ];
    with("", &near).unwrap();
}

#[test]
fn the_largest_counts_multiply_within_64_bits() {
    let config = with(
        "",
        &[
            "run.max_steps=1000000000",
            "rollout.prompts_per_step=256",
            "rollout.num_generations=256",
            "loss.num_iterations=1000000",
        ],
    )
    .unwrap();
    let (steps, rollout) = (config.run.max_steps, &config.rollout);
    let completions = (rollout.prompts_per_step * rollout.num_generations) as u64;
    assert!(steps.checked_mul(completions).is_some());
    assert!(
        steps
            .checked_mul(config.loss.num_iterations as u64)
            .is_some()
    );
    assert_eq!(
        complaint(
            "",
            &[
                "rollout.prompts_per_step=65535",
                "rollout.num_generations=65535"
            ]
        ),
        "rollout.prompts_per_step 65535 x rollout.num_generations 65535 = 4294836225 completions a step, more than 65536: lower one of them"
    );
    for set in [
        "run.max_steps=9223372036854775807",
        "rollout.prompts_per_step=65536",
        "rollout.num_generations=65536",
        "rollout.max_completion_length=16777216",
        "run.eval_max_completion_length=16777216",
        "data.max_prompt_length=16777216",
        "loss.num_iterations=1000001",
    ] {
        assert!(complaint("", &[set]).contains("is not permitted"), "{set}");
    }
}

#[test]
fn what_toml_cannot_hold_is_an_error_and_no_panic() {
    let mut config = with("", &[]).unwrap();
    config.seed = u64::MAX;
    let text = format!("{:#}", config.to_toml().unwrap_err());
    assert!(text.contains("cannot be written as TOML"), "{text}");
}

#[test]
fn broken_toml_names_its_line() {
    let text = complaint("[loss\n", &[]);
    assert!(text.starts_with("run.toml:6: not TOML: "), "{text}");
    assert_eq!(
        complaint("[loss]\nbeta = 1\nbeta = 2\n", &[]),
        "run.toml:8: not TOML: duplicate key beta"
    );
    assert_eq!(
        complaint("", &["top_p"]),
        "--set top_p: expected KEY=VALUE, for example rollout.top_p=0.9"
    );
    assert_eq!(
        complaint("", &["=3"]),
        "--set =3: expected KEY=VALUE, for example rollout.top_p=0.9"
    );
    assert_eq!(
        complaint("", &["loss=3"]),
        "--set loss=3: loss is a section: give one of its keys, as loss.beta"
    );
    assert_eq!(
        complaint("", &["loss.beta=1e400"]),
        "--set loss.beta=1e400: loss.beta = inf is not permitted: 0 or more"
    );
    assert_eq!(
        Config::from_toml("loss = 3", "run.toml", &[])
            .unwrap_err()
            .to_string(),
        "run.toml:1: loss is a section: write [loss] and its keys below"
    );
}

#[test]
fn the_example_is_a_configuration() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/smollm2.toml");
    let config = Config::load(&path, &[]).unwrap();
    assert_eq!(config.run_dir(), Path::new("runs/smollm2-grpo"));
}
