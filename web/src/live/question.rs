//! What two checkpoints are asked: a row, its prompt, and the link that carries it.

use super::Sampling;
use crate::page::{self, TooLong};
use crate::score::{AnswerKind, Case, Rules};
use recode_core::migration::Migration;

/// The row that the page begins with, of the demo's held-out ones: training has changed its answer for the better, as it has on average.
pub const FIRST: usize = 17;

/// A row to answer, how it is to be answered, and what the answers are judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The row; its target may be blank, and then nothing is judged.
    pub row: Migration,
    /// How an answer is drawn.
    pub sampling: Sampling,
    /// The rules.
    pub rules: Rules,
}

impl Default for Question {
    fn default() -> Self {
        let empty = String::new;
        Question {
            row: Migration {
                dependency: empty(),
                new_version: empty(),
                description: empty(),
                update_info: empty(),
                old_code: empty(),
                new_code: empty(),
            },
            sampling: Sampling::default(),
            rules: Rules::default(),
        }
    }
}

impl Question {
    /// The prompt, as checkpoints are trained with it.
    pub fn prompt(&self) -> String {
        self.row.prompt().chatml()
    }

    /// Whether a row is the one that is asked; a link leaves its description out.
    pub fn asks(&self, row: &Migration) -> bool {
        let own = Migration {
            description: row.description.clone(),
            ..self.row.clone()
        };
        own == *row
    }

    /// Whether there is no row to ask.
    pub fn has_no_row(&self) -> bool {
        self.row == Question::default().row
    }

    /// What is judged of an answer.
    pub fn case(&self, answer: &str) -> Case {
        Case {
            update_info: self.row.update_info.clone(),
            old_code: self.row.old_code.clone(),
            answer: answer.to_owned(),
            kind: AnswerKind::Completion,
            target: self.row.new_code.clone(),
        }
    }

    /// What stands behind the page's name in a link.
    ///
    /// # Errors
    /// It would be too long.
    pub fn to_query(&self) -> Result<String, TooLong> {
        let Question {
            row,
            sampling,
            rules,
        } = self;
        page::to_query(&[
            ("rules", rules.name()),
            ("temperature", &sampling.temperature),
            ("seed", &sampling.seed),
            ("tokens", &sampling.max_completion_length),
            ("library", &row.dependency),
            ("version", &row.new_version),
            ("update", &row.update_info),
            ("old", &row.old_code),
            ("target", &row.new_code),
        ])
    }

    /// The question of a link; `None` where it holds none, and with a blank row where it holds only how to answer. What is not understood is
    /// passed over: a link may come from a later version.
    pub fn from_query(query: &str) -> Option<Self> {
        let (mut question, mut found) = (Question::default(), false);
        let Question {
            row,
            sampling,
            rules,
        } = &mut question;
        for (name, text) in page::fields(query) {
            match name {
                "rules" => *rules = Rules::named(&text).unwrap_or_default(),
                "temperature" => sampling.temperature = text,
                "seed" => sampling.seed = text,
                "tokens" => sampling.max_completion_length = text,
                "library" => row.dependency = text,
                "version" => row.new_version = text,
                "update" => row.update_info = text,
                "old" => row.old_code = text,
                "target" => row.new_code = text,
                _ => continue,
            }
            found = true;
        }
        found.then_some(question)
    }
}

/// The rows of JSON Lines.
///
/// # Errors
/// The first line that is none.
pub fn rows(lines: &str) -> Result<Vec<Migration>, String> {
    let row = |(at, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| format!("line {} is no row: {error}", at + 1))
    };
    lines.lines().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The demo's held-out answers, which the page begins with.
    const ANSWERS: &str = include_str!("../../page/demo-before.jsonl");

    #[test]
    fn held_out_answers_are_rows_to_ask() {
        let all = rows(ANSWERS).unwrap();
        assert_eq!(all.len(), ANSWERS.lines().count());
        let row = all[0].clone();
        let prompt = row.prompt().chatml();
        let question = Question {
            row,
            ..Question::default()
        };
        assert_eq!(question.prompt(), prompt);
        assert!(
            rows("{\"a\": 1}\n")
                .unwrap_err()
                .starts_with("line 1 is no row: missing field")
        );
    }

    #[test]
    fn the_page_begins_with_a_row_that_training_has_mended() {
        let total = |lines: &str| {
            let line = lines.lines().nth(FIRST).unwrap();
            serde_json::from_str::<serde_json::Value>(line).unwrap()["total"]
                .as_f64()
                .unwrap()
        };
        let after = include_str!("../../page/demo-after.jsonl");
        assert!(total(ANSWERS) < total(after), "{}", total(after));
    }

    #[test]
    fn a_link_carries_the_question_to_the_letter() {
        let mut question = Question {
            row: rows(ANSWERS).unwrap().remove(3),
            rules: Rules::Paper,
            ..Question::default()
        };
        question.row.old_code += "\n# 100 % & café\u{202e}";
        // What is no part of the prompt, a link leaves out.
        question.row.description = String::new();
        question.sampling.seed = "not yet".to_owned();
        let query = question.to_query().unwrap();
        assert!(query.is_ascii() && !query.contains(['#', ' ', '\n']));
        assert_eq!(Question::from_query(&query), Some(question));
        assert_eq!(Question::from_query("later=2"), None);
        let how = Question::from_query("temperature=1&later=2").unwrap();
        assert!(how.has_no_row() && how.sampling.temperature == "1");
    }
}
