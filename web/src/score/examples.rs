//! Cases to start from: rows of the project's held-out data, each with an answer that shows something.

use super::{AnswerKind, Case, with_tags};
use recode_core::migration::Migration;

/// A row with an answer.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// What it shows.
    pub title: &'static str,
    row: &'static str,
    thinking: &'static str,
    code: Code,
}

/// The answer's code.
#[derive(Debug, Clone, Copy)]
enum Code {
    /// The true migration.
    Target,
    /// The old code, unchanged.
    Copy,
    /// Something else.
    Text(&'static str),
    /// A whole completion, not in the asked-for form.
    Untagged(&'static str),
}

/// A row of `trainer/demo/held_out.jsonl`, in a file of its own.
macro_rules! row {
    ($name:literal) => {
        include_str!(concat!("examples/", $name, ".json"))
    };
}

/// The first is what the page opens with.
pub const EXAMPLES: &[Example] = &[
    Example {
        title: "almost: one attribute is missed",
        row: row!("ndarray-newbyteorder"),
        thinking: "newbyteorder is gone from arrays; the dtype still has it, so the array is viewed with another dtype.",
        code: Code::Text(
            "import numpy as np\n\n# the array in the other byte order\nswapped = raw.view(raw.newbyteorder(\">\"))",
        ),
    },
    Example {
        title: "the true migration",
        row: row!("datetime-utcnow"),
        thinking: "utcnow is deprecated: now takes a time zone.",
        code: Code::Target,
    },
    Example {
        title: "the old code, copied",
        row: row!("pytest-warns-none"),
        thinking: "Nothing has to change here.",
        code: Code::Copy,
    },
    Example {
        title: "not Python: a bracket is open",
        row: row!("datasets-load-metric"),
        thinking: "Metrics have moved to the package evaluate.",
        code: Code::Text("from evaluate import load\n\nbleu = load(\"bleu\""),
    },
    Example {
        title: "right code, tags forgotten",
        row: row!("datetime-utcnow"),
        thinking: "",
        code: Code::Untagged("Use now with a time zone:\n```python\n{target}\n```\nThat is all."),
    },
    Example {
        title: "the target behind a return",
        row: row!("networkx-add-path"),
        thinking: "The method is a function now.",
        code: Code::Text(
            "G = nx.Graph()\n\ndef unused():\n    return\n    nx.add_path(G, [1, 2, 3, 4])",
        ),
    },
];

impl Example {
    /// Its row.
    ///
    /// # Panics
    /// Where the embedded row is no migration; a test reads all of them.
    fn row(&self) -> Migration {
        serde_json::from_str(self.row).expect("an embedded row is a migration")
    }

    /// The case that it is.
    pub fn case(&self) -> Case {
        let row = self.row();
        let answer = match self.code {
            Code::Target => with_tags(self.thinking, &row.new_code),
            Code::Copy => with_tags(self.thinking, &row.old_code),
            Code::Text(code) => with_tags(self.thinking, code),
            Code::Untagged(text) => text.replace("{target}", &row.new_code),
        };
        Case {
            update_info: row.update_info,
            old_code: row.old_code,
            answer,
            kind: AnswerKind::Completion,
            target: row.new_code,
        }
    }
}

impl Case {
    /// The row that a case answers, as checkpoints are asked it: library and version of an example's row are known, whoever answers it.
    pub fn row(self, dependency: String, new_version: String) -> Migration {
        let is_it = |row: &Migration| {
            let own = (&row.update_info, &row.old_code, &row.new_code);
            own == (&self.update_info, &self.old_code, &self.target)
        };
        if let Some(row) = EXAMPLES.iter().map(Example::row).find(is_it) {
            return row;
        }
        Migration {
            dependency,
            new_version,
            description: String::new(),
            update_info: self.update_info,
            old_code: self.old_code,
            new_code: self.target,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Judgement, Rules};
    use super::*;
    use std::fs;

    #[test]
    fn every_example_is_a_row_of_the_held_out_data() {
        let held_out = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../trainer/demo/held_out.jsonl"
        );
        let held_out = fs::read_to_string(held_out).unwrap();
        for example in EXAMPLES {
            assert!(
                held_out.lines().any(|line| line == example.row.trim()),
                "{}",
                example.row
            );
        }
    }

    #[test]
    fn a_case_is_asked_with_its_library_and_version() {
        let mut case = EXAMPLES[1].case();
        case.answer = "mine".to_owned();
        let row = case.clone().row(String::new(), String::new());
        assert_eq!((&*row.dependency, row.version()), ("Python", "3.12"));
        case.old_code.push('\n');
        let row = case.row("numpy".to_owned(), "==2.0".to_owned());
        assert_eq!((&*row.dependency, row.version()), ("numpy", "2.0"));
        assert!(row.prompt().user.contains("in version 2.0, and"));
    }

    #[test]
    fn examples_earn_what_their_titles_say() {
        let total = |example: &Example| {
            let judgement = Judgement::of(&example.case(), Rules::EditGain).unwrap();
            judgement.explanation.breakdown.total.unwrap()
        };
        let totals: Vec<f64> = EXAMPLES.iter().map(total).collect();
        assert!(totals[0] > 1.0 - 0.8 && totals[0] < 3.0, "{totals:?}");
        // The target, a copy, format without Python.
        assert_eq!(totals[1..4], [3.0, 1.0 - 0.8, 1.0 - 2.0]);
        // All but the format.
        assert_eq!(totals[4], 2.0 - 1.0);
        assert!(totals[5] < 0.2, "{totals:?}");
    }
}
