use super::*;

fn row(line: usize, code: &str) -> Row {
    Row {
        line,
        migration: Migration {
            dependency: "numpy".into(),
            new_version: "==2.0".into(),
            description: "d".into(),
            update_info: format!("note {line}"),
            old_code: code.into(),
            new_code: "b".into(),
        },
    }
}

fn lines(rows: &[Row]) -> Vec<usize> {
    rows.iter().map(|row| row.line).collect()
}

/// Rows `1..=n`, all with code of their own, written to a file with the config that reads them.
fn file(rows: &[Row], set: &[&str]) -> (tempfile::TempDir, Config) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.jsonl");
    let text: Vec<String> = rows
        .iter()
        .map(|row| serde_json::to_string(&row.migration).unwrap() + "\n")
        .collect();
    std::fs::write(&path, text.concat()).unwrap();
    let set: Vec<String> = set.iter().map(|&s| s.to_owned()).collect();
    let text = "name = \"a\"\n[model]\npath = \"m\"\n[data]\ntrain = \"t\"\n";
    let mut config = Config::from_toml(text, "run.toml", &set).unwrap();
    config.data.train = path;
    (dir, config)
}

fn read(rows: &[Row], set: &[&str], positions: usize) -> anyhow::Result<Examples> {
    let (_dir, config) = file(rows, set);
    let model = crate::tiny::model_dir(0);
    let tokenizer = Tokenizer::from_dir(model.path()).unwrap();
    Examples::read(&config, &tokenizer, positions)
}

fn complaint(rows: &[Row], set: &[&str], positions: usize) -> String {
    let error = format!("{:#}", read(rows, set, positions).unwrap_err());
    let from = error.find("rows.jsonl").unwrap_or(0);
    error[from..].to_owned()
}

#[test]
fn rows_that_teach_nothing_are_refused_with_a_way_out() {
    let with = |change: &dyn Fn(&mut Vec<Row>)| {
        let mut rows = rows(4);
        change(&mut rows);
        complaint(&rows, &["data.eval_rows=1"], 4096)
    };
    let text = with(&|rows| rows[1].migration.new_code = "def".into());
    assert!(
        text.starts_with("rows.jsonl:2: `new_code` is not Python: "),
        "{text}"
    );
    assert!(text.contains("`recode-trainer audit ") && text.contains("--write-clean OUT`"));
    let text = with(&|rows| {
        rows[2].migration.new_code = rows[2].migration.old_code.clone();
        rows[3] = Row {
            line: 4,
            ..rows[0].clone()
        };
    });
    assert!(
        text.starts_with("rows.jsonl:3: `new_code` is `old_code` (and 1 more row has a defect); "),
        "{text}"
    );
    let text = with(&|rows| {
        rows[3] = Row {
            line: 4,
            ..rows[0].clone()
        }
    });
    assert!(
        text.starts_with("rows.jsonl:4: the same as line 1; "),
        "{text}"
    );
}

#[test]
fn a_row_that_edit_gain_cannot_count_from_is_refused_before_the_first_step() {
    // Eleven strings: the reference puts the second one in the place of the eleventh, `'b'0`.
    let mut rows = rows(3);
    rows[1].migration.old_code = "f('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k')".into();
    let gain = [
        "data.eval_rows=0",
        "reward.weights={format=1.0,edit_gain=1.0}",
    ];
    assert_eq!(read(&rows, &gain, 4096).unwrap().train.len(), 3);
    let paper = [gain[0], gain[1], "reward.mode=paper"];
    let text = complaint(&rows, &paper, 4096);
    assert!(
        text.starts_with("rows.jsonl:2: edit_gain of reward.weights has nothing to count from"),
        "{text}"
    );
    assert_eq!(
        read(&rows, &[paper[0], paper[2]], 4096)
            .unwrap()
            .train
            .len(),
        3
    );
}

fn rows(n: usize) -> Vec<Row> {
    (1..=n).map(|line| row(line, &format!("x{line}"))).collect()
}

#[test]
fn rows_are_held_out_by_the_seed() {
    let split = |seed| hold_out(rows(20), 5, seed).unwrap();
    let (train, eval) = split(1);
    assert_eq!((train.len(), eval.len()), (15, 5));
    let mut all = [lines(&train), lines(&eval)].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=20).collect::<Vec<_>>());
    assert!(lines(&eval).is_sorted());
    assert_eq!(split(1), (train, eval.clone()));
    assert_ne!(split(2).1, eval);
}

#[test]
fn a_copy_of_a_held_out_row_is_not_trained_on() {
    let mut rows = rows(6);
    rows.extend([row(7, "x1"), row(8, "x2"), row(9, "x3")]);
    let examples = read(&rows, &["data.eval_rows=4"], 4096).unwrap();
    let held: HashSet<_> = examples
        .eval
        .iter()
        .map(|e| &e.migration.old_code)
        .collect();
    assert_eq!(held.len(), 4, "no two are alike");
    assert!(
        examples
            .train
            .iter()
            .all(|e| !held.contains(&e.migration.old_code))
    );
    assert_eq!(examples.train.len() + 4 + examples.left_out, 9);
    assert!(complaint(&rows, &["data.eval_rows=9"], 4096).contains("9 rows, 6 of them different"));
    assert!(complaint(&rows[..2], &["data.eval_rows=2"], 4096).contains("data.eval_rows is 2"));
}

/// Reads `rows` with a file of its own for the held-out ones.
fn read_beside(rows: &[Row], held_out: &[Row], set: &[&str]) -> anyhow::Result<Examples> {
    let (dir, mut config) = file(rows, set);
    config.data.eval = dir.path().join("held.jsonl");
    let text: Vec<String> = held_out
        .iter()
        .map(|row| serde_json::to_string(&row.migration).unwrap() + "\n")
        .collect();
    std::fs::write(&config.data.eval, text.concat()).unwrap();
    let model = crate::tiny::model_dir(0);
    let tokenizer = Tokenizer::from_dir(model.path()).unwrap();
    Examples::read(&config, &tokenizer, 4096)
}

#[test]
fn no_row_of_the_held_out_file_is_trained_on_however_few_are_evaluated() {
    let held_out = [row(1, "x2"), row(2, "y"), row(3, "x5")];
    for (eval_rows, evaluated) in [("0", &[][..]), ("1", &[1]), ("3", &[1, 2, 3])] {
        let set = format!("data.eval_rows={eval_rows}");
        let examples = read_beside(&rows(6), &held_out, &[&set]).unwrap();
        let of = |all: &[Example]| -> Vec<usize> { all.iter().map(|e| e.line).collect() };
        assert_eq!(of(&examples.train), [1, 3, 4, 6], "without x2 and x5");
        assert_eq!(of(&examples.eval), evaluated);
        assert_eq!((examples.left_out, examples.eval_file_rows), (2, Some(3)));
    }
    let error = read_beside(&rows(6), &held_out, &["data.eval_rows=4"]).unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.starts_with("data.eval_rows is 4, but ")
            && text.ends_with("held.jsonl has 3 rows: lower it"),
        "{text}"
    );
    let error = read_beside(&held_out, &held_out, &["data.eval_rows=0"]).unwrap_err();
    assert!(error.to_string().contains("name another file in data.eval"));
}

#[test]
fn the_length_that_leaves_no_room_is_named_by_its_key() {
    let fits = read(&rows(4), &["data.eval_rows=1"], 4096).unwrap();
    let positions = fits.train[0].prompt_ids.len() + 20;
    for (key, other) in [
        (
            "rollout.max_completion_length",
            "run.eval_max_completion_length",
        ),
        (
            "run.eval_max_completion_length",
            "rollout.max_completion_length",
        ),
    ] {
        let (long, short) = (format!("{key}=30"), format!("{other}=10"));
        let text = complaint(&rows(4), &["data.eval_rows=1", &long, &short], positions);
        assert!(
            text.contains("a completion of 30") && text.ends_with(&format!("or {key}")),
            "{text}"
        );
    }
}

#[test]
fn every_epoch_takes_every_row_once_in_its_own_order() {
    let examples = read(&rows(11), &["data.eval_rows=0"], 4096).unwrap();
    let epoch = |epoch: u64| -> Vec<usize> {
        (epoch * 11..(epoch + 1) * 11)
            .map(|n| examples.nth_prompt(3, n))
            .collect()
    };
    let mut sorted = epoch(0);
    sorted.sort_unstable();
    assert_eq!(sorted, (0..11).collect::<Vec<_>>());
    assert_ne!(epoch(0), epoch(1));
    assert_eq!(epoch(1), epoch(1));
}

#[test]
fn a_prompt_over_the_budget_names_its_row() {
    let length = read(&rows(1), &["data.eval_rows=0"], 4096).unwrap().train[0]
        .prompt_ids
        .len();
    let mut rows = rows(5);
    for line in [3, 5] {
        rows[line - 1] = row(line, &("y + ".repeat(20) + "y"));
    }
    let set = format!("data.max_prompt_length={}", length + 5);
    let text = complaint(&rows, &["data.eval_rows=0", &set], 4096);
    assert!(text.starts_with("rows.jsonl:3: the prompt has "), "{text}");
    assert!(text.contains("(and 1 more row has a longer one)"), "{text}");
    let text = complaint(
        &rows,
        &["data.eval_rows=0", "rollout.max_completion_length=64"],
        length + 63,
    );
    assert!(
        text.contains("rows.jsonl:1: a prompt of") && text.contains("positions"),
        "{text}"
    );
}

#[test]
fn the_fingerprint_sees_every_field_and_the_split() {
    let of = |rows: &[Row], set: &[&str]| read(rows, set, 4096).unwrap().fingerprint();
    let base = of(&rows(5), &["data.eval_rows=2"]);
    assert_eq!(base, of(&rows(5), &["data.eval_rows=2"]));
    assert_ne!(base, of(&rows(5), &["data.eval_rows=1"]));
    let mut moved = rows(5);
    moved[4].migration.update_info += "!";
    assert_ne!(base, of(&moved, &["data.eval_rows=2"]));
}
