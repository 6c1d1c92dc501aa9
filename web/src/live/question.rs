//! What two checkpoints are asked: a row, its prompt, and the link that carries it.

use super::Sampling;
use crate::page::{self, TooLong};
use crate::score::{AnswerKind, Case, Rules};
use recode_core::migration::Migration;

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

    /// The question of a link; `None` where it holds none. What is not understood is passed over: a link may come from a later version.
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
            found |= matches!(name, "update" | "old");
        }
        found.then_some(question)
    }
}

/// The rows of JSON Lines, those that are rows.
pub fn rows(lines: &str) -> Vec<Migration> {
    let rows = lines.lines().map(serde_json::from_str);
    rows.filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The demo's held-out answers, which the page begins with.
    const ANSWERS: &str = include_str!("../../page/demo-before.jsonl");

    #[test]
    fn held_out_answers_are_rows_to_ask() {
        let rows = rows(ANSWERS);
        assert_eq!(rows.len(), ANSWERS.lines().count());
        let row = rows[0].clone();
        let prompt = row.prompt().chatml();
        let question = Question {
            row,
            ..Question::default()
        };
        assert_eq!(question.prompt(), prompt);
    }

    #[test]
    fn a_link_carries_the_question_to_the_letter() {
        let mut question = Question {
            row: rows(ANSWERS).remove(3),
            rules: Rules::Paper,
            ..Question::default()
        };
        question.row.old_code += "\n# 100 % & café\u{202e}";
        question.row.description = String::new();
        question.sampling.seed = "not yet".to_owned();
        let query = question.to_query().unwrap();
        assert!(query.is_ascii() && !query.contains(['#', ' ', '\n']));
        assert_eq!(Question::from_query(&query), Some(question));
        assert_eq!(Question::from_query("temperature=1&later=2"), None);
    }
}
