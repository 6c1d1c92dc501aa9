//! The seven linear maps of a decoder layer, by Hugging Face's names: what a bias belongs to and what an adapter targets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A linear map of a decoder layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Queries, `[H D, C]`.
    QProj,
    /// Keys, `[K D, C]`.
    KProj,
    /// Values, `[K D, C]`.
    VProj,
    /// The attention's output, `[C, H D]`.
    OProj,
    /// The gate of the feed-forward part, `[F, C]`.
    GateProj,
    /// What the gate is multiplied with, `[F, C]`.
    UpProj,
    /// The feed-forward part's output, `[C, F]`.
    DownProj,
}

impl Target {
    /// All seven, in the order in which a layer applies them.
    pub const ALL: [Target; 7] = [
        Target::QProj,
        Target::KProj,
        Target::VProj,
        Target::OProj,
        Target::GateProj,
        Target::UpProj,
        Target::DownProj,
    ];

    /// The name in Hugging Face's modules and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Target::QProj => "q_proj",
            Target::KProj => "k_proj",
            Target::VProj => "v_proj",
            Target::OProj => "o_proj",
            Target::GateProj => "gate_proj",
            Target::UpProj => "up_proj",
            Target::DownProj => "down_proj",
        }
    }

    /// The path of the module inside the model: `model.layers.3.self_attn.q_proj`.
    #[must_use]
    pub fn path(self, layer: usize) -> String {
        let block = match self {
            Target::QProj | Target::KProj | Target::VProj | Target::OProj => "self_attn",
            Target::GateProj | Target::UpProj | Target::DownProj => "mlp",
        };
        format!("model.layers.{layer}.{block}.{}", self.name())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Target::ALL
            .into_iter()
            .find(|target| target.name() == name)
            .ok_or_else(|| Error::Config {
                field: "target_modules".to_string(),
                reason: format!(
                    "{name:?} is no linear map of a decoder layer; there are {}",
                    Target::ALL.map(Target::name).join(", ")
                ),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_its_target() {
        for target in Target::ALL {
            assert_eq!(target.to_string().parse::<Target>().unwrap(), target);
            assert_eq!(
                serde_json::to_string(&target).unwrap(),
                format!("{:?}", target.name())
            );
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let message = "qkv_proj".parse::<Target>().unwrap_err().to_string();
        assert!(
            message.contains("\"qkv_proj\"") && message.contains("down_proj"),
            "{message}"
        );
    }
}
