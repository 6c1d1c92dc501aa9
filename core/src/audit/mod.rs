//! What is wrong with a data set, row by row and summed.
//!
//! The published data of the paper shows why: of 1,781 rows 21 have null fields, 50 targets are not Python, 262 rows change nothing and 66 stand there
//! twice, so about every fourth step of a run on all of it would teach nothing, or copying.

mod finding;
mod in_words;

pub use finding::{Finding, FindingKind};
pub use in_words::{FindingInWords, ReportInWords, RowInWords};

use crate::migration::{Migration, split_operator};
use crate::python::{Grammar, Module};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// A field as it was found in the data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// A text.
    Text(String),
    /// A null.
    Null,
    /// The row has no such field.
    Missing,
    /// Something else; what it is, in a word: `number`, `list`.
    NotText(String),
}

impl Field {
    fn text(&self) -> Option<&str> {
        match self {
            Field::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A row as it was found in the data: a [`Migration`] if all goes well.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AuditRow {
    /// See [`Migration::dependency`].
    pub dependency: Field,
    /// See [`Migration::new_version`].
    pub new_version: Field,
    /// See [`Migration::description`].
    pub description: Field,
    /// See [`Migration::update_info`].
    pub update_info: Field,
    /// See [`Migration::old_code`].
    pub old_code: Field,
    /// See [`Migration::new_code`].
    pub new_code: Field,
}

impl AuditRow {
    /// The row as a migration, if every field is a text.
    pub fn migration(&self) -> Option<Migration> {
        Some(Migration {
            dependency: self.dependency.text()?.to_owned(),
            new_version: self.new_version.text()?.to_owned(),
            description: self.description.text()?.to_owned(),
            update_info: self.update_info.text()?.to_owned(),
            old_code: self.old_code.text()?.to_owned(),
            new_code: self.new_code.text()?.to_owned(),
        })
    }

    fn fields(&self) -> [(&'static str, &Field); 6] {
        [
            ("dependency", &self.dependency),
            ("new_version", &self.new_version),
            ("description", &self.description),
            ("update_info", &self.update_info),
            ("old_code", &self.old_code),
            ("new_code", &self.new_code),
        ]
    }
}

impl From<Migration> for AuditRow {
    fn from(row: Migration) -> Self {
        AuditRow {
            dependency: Field::Text(row.dependency),
            new_version: Field::Text(row.new_version),
            description: Field::Text(row.description),
            update_info: Field::Text(row.update_info),
            old_code: Field::Text(row.old_code),
            new_code: Field::Text(row.new_code),
        }
    }
}

/// How long a prompt may be.
#[allow(missing_debug_implementations, reason = "a closure has none")]
pub struct PromptBudget<'a> {
    /// The longest that fits.
    pub max_prompt_length: usize,
    /// The length of a row's prompt, in tokens or whatever else the limit counts.
    pub length: &'a dyn Fn(&Migration) -> usize,
}

/// What is wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowAudit {
    /// Nothing, if it is empty.
    pub findings: Vec<Finding>,
}

impl RowAudit {
    /// The row can be trained on: what was found, if anything, are blemishes.
    pub fn is_sound(&self) -> bool {
        !self
            .findings
            .iter()
            .any(|finding| finding.kind().is_defect())
    }
}

/// A library under more than one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spellings {
    /// The most frequent name, of equals the first.
    pub usual: String,
    /// Every name and in how many rows it stands.
    pub names: BTreeMap<String, usize>,
}

/// What is wrong with a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Row by row, in the order they came in.
    pub rows: Vec<RowAudit>,
    /// In how many rows each kind of finding was made; kinds that were not are left out.
    pub counts: BTreeMap<FindingKind, usize>,
    /// Libraries under more than one name.
    pub spellings: Vec<Spellings>,
    /// How many rows are sound.
    pub sound: usize,
}

/// Looks for everything that [`Finding`] names.
pub fn audit(
    rows: impl IntoIterator<Item = AuditRow>,
    budget: Option<&PromptBudget<'_>>,
) -> AuditReport {
    let mut seen: HashMap<AuditRow, usize> = HashMap::new();
    let mut libraries = Libraries::default();
    let mut audits = Vec::new();
    for (index, row) in rows.into_iter().enumerate() {
        let mut findings = Vec::new();
        check_fields(&row, &mut findings);
        check_codes(&row, &mut findings);
        if let Some(&of) = seen.get(&row) {
            findings.push(Finding::Duplicate { of });
        }
        if let (Some(budget), Some(migration)) = (budget, row.migration()) {
            let (length, max_prompt_length) =
                ((budget.length)(&migration), budget.max_prompt_length);
            if length > max_prompt_length {
                findings.push(Finding::TooLong {
                    length,
                    max_prompt_length,
                });
            }
        }
        check_version(&row, &mut findings);
        if let Some(new) = row.new_code.text()
            && new.trim().lines().any(|line| line.starts_with("```"))
        {
            findings.push(Finding::FenceInCode);
        }
        if let Some(name) = row.dependency.text() {
            libraries.add(name, index);
        }
        seen.entry(row).or_insert(index);
        audits.push(RowAudit { findings });
    }
    let spellings = libraries.spelled_differently(&mut audits);

    let mut counts = BTreeMap::new();
    for audit in &audits {
        let mut kinds: Vec<FindingKind> = audit.findings.iter().map(Finding::kind).collect();
        kinds.sort();
        kinds.dedup();
        for kind in kinds {
            *counts.entry(kind).or_insert(0) += 1;
        }
    }
    let sound = audits.iter().filter(|audit| audit.is_sound()).count();
    AuditReport {
        rows: audits,
        counts,
        spellings,
        sound,
    }
}

fn check_fields(row: &AuditRow, findings: &mut Vec<Finding>) {
    for (field, value) in row.fields() {
        let field = field.to_owned();
        match value {
            Field::Missing => findings.push(Finding::MissingField { field }),
            Field::Null => findings.push(Finding::NullField { field }),
            Field::NotText(found) => findings.push(Finding::NotText {
                field,
                found: found.clone(),
            }),
            // The description is for people; the prompt does without it.
            Field::Text(text) if text.trim().is_empty() && field != "description" => {
                findings.push(Finding::BlankField { field })
            }
            Field::Text(_) => {}
        }
    }
}

fn check_codes(row: &AuditRow, findings: &mut Vec<Finding>) {
    let (old, new) = (row.old_code.text(), row.new_code.text());
    let parsed =
        [old, new].map(|code| code.map(|code| Module::parse(code.trim(), Grammar::Latest)));
    if let Some(Err(error)) = &parsed[0] {
        findings.push(Finding::OldNotPython {
            error: error.clone(),
        });
    }
    if let Some(Err(error)) = &parsed[1] {
        findings.push(Finding::NewNotPython {
            error: error.clone(),
        });
    }
    if old.is_some() && old == new {
        findings.push(Finding::SameText);
    } else if let [Some(Ok(old)), Some(Ok(new))] = parsed
        && old.same_syntax_tree(new)
    {
        findings.push(Finding::SameSyntaxTree);
    }
}

fn check_version(row: &AuditRow, findings: &mut Vec<Finding>) {
    if let Some(new_version) = row.new_version.text()
        && split_operator(new_version).0.is_none()
    {
        findings.push(Finding::NoOperator {
            new_version: new_version.to_owned(),
        });
    }
}

/// The names of libraries, those together that differ in case and punctuation alone.
#[derive(Default)]
struct Libraries {
    by_letters: BTreeMap<String, Vec<(String, Vec<usize>)>>,
}

impl Libraries {
    fn add(&mut self, name: &str, row: usize) {
        let letters: String = name
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        let names = self.by_letters.entry(letters).or_default();
        match names.iter_mut().find(|(known, _)| known == name) {
            Some((_, rows)) => rows.push(row),
            None => names.push((name.to_owned(), vec![row])),
        }
    }

    /// Adds a finding to every row with an unusual name.
    fn spelled_differently(self, audits: &mut [RowAudit]) -> Vec<Spellings> {
        let several = self
            .by_letters
            .into_values()
            .filter(|names| names.len() > 1);
        several
            .map(|names| {
                // Rows were added in order, so of equals the first name is the first found.
                let most = names.iter().map(|(_, rows)| rows.len()).max();
                let usual = names
                    .iter()
                    .find(|(_, rows)| Some(rows.len()) == most)
                    .map(|(name, _)| name.clone())
                    .unwrap_or_default();
                for (name, rows) in names.iter().filter(|(name, _)| *name != usual) {
                    for &row in rows {
                        let (dependency, usual) = (name.clone(), usual.clone());
                        audits[row]
                            .findings
                            .push(Finding::UnusualSpelling { dependency, usual });
                    }
                }
                let names = names
                    .into_iter()
                    .map(|(name, rows)| (name, rows.len()))
                    .collect();
                Spellings { usual, names }
            })
            .collect()
    }
}
