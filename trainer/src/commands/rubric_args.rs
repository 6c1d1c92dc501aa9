//! The options that say by which rules completions are judged, the same for every command that scores.

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use recode_core::reward::{Comparison, Overlong, Rubric, Weights};

use crate::cli::Usage;

#[derive(Debug, Clone, clap::Args)]
pub struct RubricArgs {
    /// Rules of scoring: paper is the reference's, faults included; strict mends them; edit_gain is strict with what is gained over copying
    /// in place of edit similarity [default: strict]
    #[arg(long, value_name = "RULES", value_parser = ["paper", "strict", "edit_gain"])]
    reward: Option<String>,
    /// What codes are compared by: characters, tokens (layout and quotes make no difference) or tree (equal where the syntax trees are)
    /// [default: characters]
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(Comparison::ALL.iter().map(|level| level.name())))]
    compare: Option<String>,
    /// The total as a weighted sum, as in format=1,edit_gain=0.5; parts are format, es_star, em_star, edit_gain, api_adopted, api_left,
    /// repetition and overlong
    #[arg(long, value_name = "PART=WEIGHT,…")]
    weights: Option<Weights>,
    /// Longest completion and the part at its end over which the part overlong falls from 0 to -1, as in 1024:64; in tokens
    #[arg(long, value_name = "MAX:BUFFER")]
    overlong: Option<String>,
}

impl RubricArgs {
    /// The rules; settings that do not go together are wrong usage.
    pub fn rubric(&self) -> Result<Rubric> {
        let mut rubric = match self.reward.as_deref() {
            Some("paper") => Rubric::paper(),
            Some("edit_gain") => Rubric::edit_gain(),
            _ => Rubric::strict(),
        };
        if let Some(level) = &self.compare {
            rubric.comparison = level.parse::<Comparison>().map_err(Usage::error)?;
        }
        if let Some(weights) = &self.weights {
            rubric.weights = weights.clone();
        }
        rubric.overlong = self.overlong.as_deref().map(overlong).transpose()?;
        rubric.check().map_err(Usage::error)?;
        Ok(rubric)
    }

    /// Whether any of them was given.
    pub fn given(&self) -> bool {
        self.reward.is_some()
            || self.compare.is_some()
            || self.weights.is_some()
            || self.overlong.is_some()
    }
}

fn overlong(text: &str) -> Result<Overlong> {
    let numbers = text
        .split_once(':')
        .map(|(max, buffer)| (max.parse(), buffer.parse()));
    match numbers {
        Some((Ok(max_length), Ok(buffer))) => Ok(Overlong { max_length, buffer }),
        _ => Err(Usage::error(format_args!(
            "--overlong is {text}, but must be MAX:BUFFER, as in 1024:64"
        ))),
    }
}
