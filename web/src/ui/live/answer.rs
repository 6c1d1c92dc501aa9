//! What a checkpoint answers, and how far that is.

use crate::live::Question;
use crate::score::Judgement;

/// How far an answer is.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Progress {
    /// Nothing was asked.
    #[default]
    Idle,
    /// The other one is answering.
    Waiting,
    /// Its prompt is being read.
    Reading {
        /// By how many of the model's layers.
        done: f64,
        /// And of how many.
        all: f64,
    },
    /// It is being written.
    Answering,
    /// It is whole, or as long as it may be: how many tokens in what time.
    Finished(String),
    /// Somebody stopped it: likewise.
    Stopped(String),
    /// What went wrong.
    Failed(String),
}

/// An answer as far as it has come.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// What was written.
    pub text: String,
    /// What it is worth so far.
    pub judgement: Option<Judgement>,
    /// How far it is.
    pub progress: Progress,
}

impl Answer {
    /// An answer with its judgement.
    pub fn of(question: &Question, text: String, progress: Progress) -> Self {
        let mut answer = Answer {
            text,
            judgement: None,
            progress,
        };
        answer.judge(question);
        answer
    }

    /// Judges it.
    pub fn judge(&mut self, question: &Question) {
        self.judgement = match self.text.is_empty() {
            true => None,
            false => Judgement::of(&question.case(&self.text), question.rules),
        };
    }

    /// What it is worth, where that can be said.
    pub fn total(&self) -> Option<f64> {
        self.judgement.as_ref()?.explanation.breakdown.total
    }
}
