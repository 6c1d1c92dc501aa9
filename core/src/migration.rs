//! One data row, a real API change, and the prompt made of it.
//!
//! Source: ReCode (arXiv 2506.20495), training prompt; the reference is `src/GRPO/data.py` of zjunlp/ReCode.
//!
//! # Differences
//! The reference cuts two characters off every `new_version` to lose its `==`, which turns the bare `2.0.0` into `0.0`.
//! Here an operator is removed where there is one, so a bare version stays whole.

use serde::{Deserialize, Serialize};

/// What the policy is told about its task.
pub const SYSTEM: &str = "You are a helpful coding assistant. Your task is to transform the old version of the code into the new version \
specified, based on the update information. You first thinks about the reasoning process in the mind and then provides the solution.";

/// How every answer begins: the policy goes on from inside its thinking.
pub const PREFILL: &str = "Let me solve this step by step.\n<think>";

/// One API change of a library: what the release note says, and code before and after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// The library, for example `numpy`.
    pub dependency: String,
    /// The version that made the change, usually as a requirement: `==2.2.0`.
    pub new_version: String,
    /// What the code is about; not part of the prompt.
    pub description: String,
    /// What the release note says about the change.
    pub update_info: String,
    /// The code for the version before.
    pub old_code: String,
    /// The code for `new_version`: the target.
    pub new_code: String,
}

/// A chat in three parts; the assistant's is left open, for the policy to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The system message.
    pub system: String,
    /// The user's message.
    pub user: String,
    /// How the assistant's message begins.
    pub prefill: String,
}

impl Migration {
    /// The version without a requirement operator.
    ///
    /// ```
    /// # use recode_core::migration::Migration;
    /// # let row = |new_version: &str| Migration { dependency: "numpy".into(), new_version: new_version.into(),
    /// #     description: String::new(), update_info: String::new(), old_code: String::new(), new_code: String::new() };
    /// assert_eq!(row("==2.2.0").version(), "2.2.0");
    /// assert_eq!(row(">= 2.2").version(), "2.2");
    /// assert_eq!(row("2.2.0").version(), "2.2.0");
    /// ```
    pub fn version(&self) -> &str {
        split_operator(&self.new_version).1
    }

    /// The prompt of the paper for this row.
    pub fn prompt(&self) -> Prompt {
        let Migration {
            dependency,
            update_info,
            old_code,
            ..
        } = self;
        let version = self.version();
        Prompt {
            system: SYSTEM.to_owned(),
            user: format!(
                "\n{dependency} performed an API update in version {version}, and the update content includes:\n\
                 <doc>\n{update_info}\n</doc>\n\
                 The old version of the code is:\n\
                 ```python\n{old_code}\n```\n\n\
                 Show your work in <think> </think> tags. And return the final code in <answer> </answer>, \
                 the code within <answer></answer> should be enclosed in ```python ``` tags.\n"
            ),
            prefill: PREFILL.to_owned(),
        }
    }
}

impl Prompt {
    /// The prompt in ChatML, open behind the prefill.
    pub fn chatml(&self) -> String {
        let Prompt {
            system,
            user,
            prefill,
        } = self;
        format!(
            "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n{prefill}"
        )
    }
}

/// Splits a requirement into its operator, if it has one, and the version.
pub(crate) fn split_operator(requirement: &str) -> (Option<&'static str>, &str) {
    // Longest first: `===` begins with `==`.
    const OPERATORS: [&str; 8] = ["===", "==", ">=", "<=", "~=", "!=", ">", "<"];
    let requirement = requirement.trim();
    for operator in OPERATORS {
        if let Some(version) = requirement.strip_prefix(operator) {
            return (Some(operator), version.trim_start());
        }
    }
    (None, requirement)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(new_version: &str) -> Migration {
        Migration {
            dependency: "NumPy".into(),
            new_version: new_version.into(),
            description: "rows are stacked".into(),
            update_info: "row_stack is an alias of vstack".into(),
            old_code: "np.row_stack(rows)".into(),
            new_code: "np.vstack(rows)".into(),
        }
    }

    #[test]
    fn the_prompt_is_the_papers_to_the_letter() {
        let expected = "<|im_start|>system\nYou are a helpful coding assistant. Your task is to transform the old version of the code \
            into the new version specified, based on the update information. You first thinks about the reasoning process in the mind \
            and then provides the solution.<|im_end|>\n\
            <|im_start|>user\n\nNumPy performed an API update in version 2.0.0, and the update content includes:\n\
            <doc>\nrow_stack is an alias of vstack\n</doc>\nThe old version of the code is:\n```python\nnp.row_stack(rows)\n```\n\n\
            Show your work in <think> </think> tags. And return the final code in <answer> </answer>, the code within \
            <answer></answer> should be enclosed in ```python ``` tags.\n<|im_end|>\n\
            <|im_start|>assistant\nLet me solve this step by step.\n<think>";
        assert_eq!(row("==2.0.0").prompt().chatml(), expected);
        // Braces in code are text, not a template.
        let mut braces = row("==2.0.0");
        braces.old_code = "{version}".into();
        assert!(braces.prompt().user.contains("```python\n{version}\n```"));
    }

    #[test]
    fn a_version_without_operator_stays_whole() {
        assert_eq!(row("2.0.0").prompt(), row("==2.0.0").prompt());
        for (requirement, version) in [
            ("===1.0", "1.0"),
            ("~=1.4", "1.4"),
            (" == 1.4.x ", "1.4.x"),
            ("v2", "v2"),
            ("==", ""),
        ] {
            assert_eq!(row(requirement).version(), version);
        }
    }

    #[test]
    fn the_target_is_not_in_the_prompt() {
        assert!(!row("==2.0.0").prompt().chatml().contains("np.vstack(rows)"));
    }

    #[test]
    fn a_row_is_read_from_its_six_fields_and_null_is_an_error() {
        let line = serde_json::to_string(&row("==2.0.0")).unwrap();
        assert_eq!(
            serde_json::from_str::<Migration>(&line).unwrap(),
            row("==2.0.0")
        );
        assert!(serde_json::from_str::<Migration>(&line.replace("\"==2.0.0\"", "null")).is_err());
    }
}
