//! The reference's reward, number for number.
//!
//! Source: `em_star`, `es_star`, `remove_comments_and_blank_lines` and `syntax_check` of `src/DAPO/reward.py`, zjunlp/ReCode. What its
//! regular expressions do is done here by hand; each function says which one it stands for.
//!
//! Its faults are kept: the first block anywhere counts, in the thinking too; an apostrophe in a comment opens a "string"; from eleven strings on
//! the wrong ones are put back; what is judged to be Python is the code after all that.
//!
//! # Differences
//! Where the reference raises, there is no number to reproduce, and the reward in question is the worst: a division by zero when both sides are empty
//! ([`Withheld::ReferenceRaises`]), and Python's recursion limit, which reads as code that is not Python. Texts that outgrow
//! [`MAX_SOURCE_BYTES`] as their strings are put back are refused: strings that name each other's placeholders can double at every step. So are
//! those that want more than [`MAX_SEARCHED_BYTES`] searched for that: tens of thousands of such strings would keep it busy for minutes.
//! Texts that differ over more than [`MAX_CELLS`](crate::similarity::MAX_CELLS) pairs of characters get an upper bound of their distance.

use super::breakdown::Judged;
use super::{RewardMode, RowCode, Searched, Withheld, format};
use crate::answer::Answer;
use crate::find::find;
use crate::python::{Grammar, MAX_SOURCE_BYTES, SyntaxError, check_syntax};
use crate::similarity::similarity;
use format::is_python_space;
use std::ops::Range;

/// As many bytes may be searched for placeholders: enough for each of a thousand strings in a text of hundreds of kilobytes.
const MAX_SEARCHED_BYTES: usize = 1 << 28;

/// What stands in for a string while comments are removed.
const PLACEHOLDER: &str = "STRING_PLACEHOLDER_";

/// A row made ready for these rules.
#[derive(Debug)]
pub(super) struct Reference {
    target: Result<String, SyntaxError>,
    /// Where it was given.
    old_code: Option<Result<String, SyntaxError>>,
    pub(super) baseline: Option<f64>,
}

impl Reference {
    pub(super) fn new(target: &str, old_code: Option<&str>) -> Self {
        let target = strip(target);
        let old_code = old_code.map(cleaned);
        let old = old_code.as_ref().and_then(|code| code.as_ref().ok());
        let baseline = old
            .zip(target.as_ref().ok())
            .map(|(old, target)| similarity(old, target));
        Reference {
            target,
            old_code,
            baseline,
        }
    }

    pub(super) fn has_old_code(&self) -> bool {
        self.old_code.is_some()
    }

    /// Why old code and target cannot be compared.
    pub(super) fn fault(&self) -> Option<(RowCode, SyntaxError)> {
        let fault = |code, text: Option<&Result<_, SyntaxError>>| {
            text?.as_ref().err().map(|error| (code, error.clone()))
        };
        fault(RowCode::OldCode, self.old_code.as_ref())
            .or_else(|| fault(RowCode::Target, Some(&self.target)))
    }

    /// See [`super::score`].
    pub(super) fn judge(&self, completion: &str) -> Judged {
        let format = format::reward(RewardMode::Paper, completion, &Answer::find(completion));
        let withheld = |syntax_ok, reason| Judged::withheld(format, syntax_ok, reason);
        let Some(code) = code(completion) else {
            let searched = Searched::Completion;
            return withheld(false, Withheld::NoCode { searched });
        };
        let answer = match cleaned(&completion[code]) {
            Ok(answer) => answer,
            Err(error) => return withheld(false, Withheld::AnswerNotPython { error }),
        };
        let target = match &self.target {
            Ok(target) => target,
            Err(error) => {
                return withheld(
                    true,
                    Withheld::TargetNotPython {
                        error: error.clone(),
                    },
                );
            }
        };
        if answer.is_empty() && target.is_empty() {
            let exception =
                "ZeroDivisionError: code and target are both empty without comments".to_owned();
            return withheld(true, Withheld::ReferenceRaises { exception });
        }
        Judged::compared(format, answer == *target, similarity(&answer, target))
    }
}

/// An answer's code without comments, if it is Python then.
pub(crate) fn cleaned(code: &str) -> Result<String, SyntaxError> {
    let code = strip(code.trim_matches(is_python_space))?;
    check_syntax(&code, Grammar::CPython311)?;
    Ok(code)
}

/// Where the first match of the expression "fence and `python`, line end, anything (lazy), line end, fence" has its code.
pub(crate) fn code(completion: &str) -> Option<Range<usize>> {
    const OPEN: &str = "```python\n";
    let start = find(completion, OPEN)? + OPEN.len();
    // What closes the first opening would close any later one, so there is no need to try those.
    Some(start..start + find(&completion[start..], "\n```")?)
}

/// `remove_comments_and_blank_lines`.
pub(crate) fn strip(code: &str) -> Result<String, SyntaxError> {
    let (text, strings) = take_strings(code);
    let text = restore_strings(remove_comments(&text), &strings)?;
    let text = squeeze_blank_lines(&text);
    // The reference ends with an expression for blank lines; after the one above there are none.
    Ok(text.trim_matches(is_python_space).to_owned())
}

/// Replaces what looks like a string by placeholders: from a quote, triple or single, to the next one of its kind, over any line ends.
fn take_strings(code: &str) -> (String, Vec<&str>) {
    let mut text = String::with_capacity(code.len());
    let mut strings = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(['\'', '"']) {
        let (before, string) = rest.split_at(at);
        let (triple, single) = if string.starts_with('"') {
            ("\"\"\"", "\"")
        } else {
            ("'''", "'")
        };
        text.push_str(before);
        rest = match string_length(string, triple).or_else(|| string_length(string, single)) {
            Some(length) => {
                text.push_str(PLACEHOLDER);
                text.push_str(&strings.len().to_string());
                strings.push(&string[..length]);
                &string[length..]
            }
            // An opening quote that nothing closes stays.
            None => {
                text.push_str(single);
                &string[1..]
            }
        };
    }
    text.push_str(rest);
    (text, strings)
}

/// How long the string is with which `text` begins, if it begins with one in these quotes.
fn string_length(text: &str, quotes: &str) -> Option<usize> {
    let content = text.strip_prefix(quotes)?;
    Some(quotes.len() + find(content, quotes)? + quotes.len())
}

/// Removes `#` up to the line's end. The expression names triple-quoted strings too, but at most one quote of a kind is left by now.
fn remove_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.find('#') {
            Some(at) => {
                kept.push_str(&line[..at]);
                kept.extend(line.ends_with('\n').then_some('\n'));
            }
            None => kept.push_str(line),
        }
    }
    kept
}

/// Puts the strings back one number after the other, so that number 1 goes where 10 to 19 stood as well.
fn restore_strings(mut text: String, strings: &[&str]) -> Result<String, SyntaxError> {
    let refused = |message: &str| SyntaxError {
        message: message.to_owned(),
        line: 1,
        column: 1,
    };
    let mut searched = 0;
    for (number, string) in strings.iter().enumerate() {
        // Ten rounds serve every ordinary text; only strings that name placeholders themselves keep this going.
        if find(&text, PLACEHOLDER).is_none() {
            break;
        }
        searched += text.len();
        if searched > MAX_SEARCHED_BYTES {
            return Err(refused("too many strings name each other's placeholders"));
        }
        let placeholder = format!("{PLACEHOLDER}{number}");
        let grown = text.len().saturating_add(
            text.matches(&placeholder)
                .count()
                .saturating_mul(string.len()),
        );
        if grown > 2 * MAX_SOURCE_BYTES {
            return Err(refused(
                "the text grows without bounds as its strings are put back",
            ));
        }
        text = text.replace(&placeholder, string);
    }
    Ok(text)
}

/// `re.sub(r"\n\s*\n", "\n", text)`: from a line end over white space to the last line end in it.
fn squeeze_blank_lines(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\n') {
        let (line, behind) = rest.split_at(at + 1);
        kept.push_str(line);
        let space = &behind[..behind.len() - behind.trim_start_matches(is_python_space).len()];
        rest = &behind[space.rfind('\n').map_or(0, |last| last + 1)..];
    }
    kept.push_str(rest);
    kept
}
