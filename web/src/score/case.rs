//! One case: what the page's four fields hold, and the link that carries it.

use crate::page::{self, TooLong};
use crate::score::Rules;
use std::borrow::Cow;

/// Whether the answer's field holds a whole completion or the code alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnswerKind {
    /// What a policy writes: thinking, tags and all.
    #[default]
    Completion,
    /// The code; the tags are put around it.
    Code,
}

/// A migration and an answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Case {
    /// What the release note says.
    pub update_info: String,
    /// The code before; blank where it is not known.
    pub old_code: String,
    /// The answer.
    pub answer: String,
    /// What the answer is.
    pub kind: AnswerKind,
    /// The true migration.
    pub target: String,
}

impl Case {
    /// The completion that is scored.
    pub fn completion(&self) -> Cow<'_, str> {
        match self.kind {
            AnswerKind::Completion => Cow::Borrowed(&self.answer),
            AnswerKind::Code => Cow::Owned(with_tags("", &self.answer)),
        }
    }

    /// The old code, where there is any.
    pub fn given_old_code(&self) -> Option<&str> {
        Some(&*self.old_code).filter(|code| !code.trim().is_empty())
    }

    /// What stands behind the page's name in a link: `rules=strict&old=…`.
    ///
    /// # Errors
    /// It would be too long.
    pub fn to_query(&self, rules: Rules) -> Result<String, TooLong> {
        let answer = match self.kind {
            AnswerKind::Completion => "completion",
            AnswerKind::Code => "code",
        };
        page::to_query(&[
            ("rules", rules.name()),
            ("update", &self.update_info),
            ("old", &self.old_code),
            (answer, &self.answer),
            ("target", &self.target),
        ])
    }

    /// The case of a link and its rules, as far as it holds them. What is not understood is passed over: a link may come from a later version.
    pub fn from_query(query: &str) -> (Option<Case>, Option<Rules>) {
        let (mut case, mut rules, mut found) = (Case::default(), None, false);
        for (name, text) in page::fields(query) {
            match name {
                "rules" => rules = Rules::named(&text),
                "update" => case.update_info = text,
                "old" => case.old_code = text,
                "target" => case.target = text,
                "completion" => (case.answer, case.kind) = (text, AnswerKind::Completion),
                "code" => (case.answer, case.kind) = (text, AnswerKind::Code),
                _ => continue,
            }
            found |= name != "rules";
        }
        (found.then_some(case), rules)
    }
}

/// A completion in the asked-for form. The fence is longer than any in the code, as the strict rules read it.
pub fn with_tags(thinking: &str, code: &str) -> String {
    let longest = code
        .lines()
        .map(|line| line.len() - line.trim_start_matches('`').len())
        .max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    format!("{thinking}</think>\n<answer>\n{fence}python\n{code}\n{fence}\n</answer>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use recode_core::answer::Answer;

    #[test]
    fn code_alone_is_scored_in_the_asked_for_form() {
        let case = Case {
            answer: "def f():\n    '''\n```python\nx\n```\n'''".into(),
            kind: AnswerKind::Code,
            ..Case::default()
        };
        let completion = case.completion();
        let code = Answer::find(&completion).code.unwrap();
        assert_eq!(&completion[code], case.answer);
    }

    #[test]
    fn a_link_that_a_chat_would_cut_is_refused_with_both_numbers() {
        let case = Case {
            target: "x".repeat(20_000),
            ..Case::default()
        };
        let error = case.to_query(Rules::Strict).unwrap_err();
        // rules=strict &update= &old= &completion= &target= and the text
        assert_eq!(error.bytes, 12 + 8 + 5 + 12 + 8 + 20_000);
        assert!(error.to_string().contains("20045") && error.to_string().contains("16384"));
    }

    #[test]
    fn an_address_without_a_case_holds_none() {
        for query in ["", "x=1&y", "old", "rules=harsh"] {
            assert_eq!(Case::from_query(query), (None, None), "{query}");
        }
        assert_eq!(Case::from_query("rules=paper"), (None, Some(Rules::Paper)));
    }

    proptest! {
        #[test]
        fn a_link_brings_back_its_case(update in "\\PC{0,20}", old in "[ -~\n\t\u{202e}é🦀]{0,20}", answer in "\\PC{0,20}", code: bool) {
            let kind = if code { AnswerKind::Code } else { AnswerKind::Completion };
            let case = Case { update_info: update, old_code: old, answer, kind, target: "a&b=c%".into() };
            let query = case.to_query(Rules::EditGain).unwrap();
            prop_assert!(query.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~%&=".contains(&byte)));
            prop_assert_eq!(Case::from_query(&query), (Some(case), Some(Rules::EditGain)));
        }

        #[test]
        fn any_address_is_read_without_panic(query in "\\PC{0,60}") {
            let _ = Case::from_query(&query);
        }
    }
}
