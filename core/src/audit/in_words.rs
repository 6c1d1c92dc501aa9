//! The report as the embedders hand it out: of rows in memory, each finding in words.

use super::{AuditReport, Finding, FindingKind, Spellings};
use serde::Serialize;
use std::collections::BTreeMap;

/// What `recode-trainer audit --json` says, but for `row`, counted from 0, where a file has a line, and for `message`, a finding in words.
#[derive(Debug, Serialize)]
pub struct ReportInWords<'a> {
    /// How many rows there are.
    pub total: usize,
    /// How many of them can be trained on.
    pub sound: usize,
    /// See [`AuditReport::counts`].
    pub counts: &'a BTreeMap<FindingKind, usize>,
    /// See [`AuditReport::spellings`].
    pub spellings: &'a [Spellings],
    /// The rows in which something was found.
    pub rows: Vec<RowInWords<'a>>,
}

/// A row in which something was found.
#[derive(Debug, Serialize)]
pub struct RowInWords<'a> {
    /// Its index.
    pub row: usize,
    /// See [`super::RowAudit::is_sound`].
    pub sound: bool,
    /// What was found.
    pub findings: Vec<FindingInWords<'a>>,
}

/// A finding with its words.
#[derive(Debug, Serialize)]
pub struct FindingInWords<'a> {
    /// The finding.
    #[serde(flatten)]
    pub finding: &'a Finding,
    /// The same in words.
    pub message: String,
}

impl AuditReport {
    /// The report for whoever has the rows in memory.
    pub fn in_words(&self) -> ReportInWords<'_> {
        let finding = |finding| FindingInWords {
            finding,
            message: finding.to_string(),
        };
        let found = self.rows.iter().enumerate();
        let found = found.filter(|(_, audit)| !audit.findings.is_empty());
        ReportInWords {
            total: self.rows.len(),
            sound: self.sound,
            counts: &self.counts,
            spellings: &self.spellings,
            rows: found
                .map(|(row, audit)| RowInWords {
                    row,
                    sound: audit.is_sound(),
                    findings: audit.findings.iter().map(finding).collect(),
                })
                .collect(),
        }
    }
}
