//! An explanation as a text: what it is worth, why not more, where everything stands, and what would have made it right.

use super::{Component, Edit, EditScript, Explanation, LineEdit, Span};
use crate::python::LeftOut;
use crate::visible::Visible;
use std::fmt;

/// Lines of context around an edit.
const CONTEXT: usize = 2;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_total(f, self)?;
        for component in &self.components {
            write_component(f, component)?;
        }
        writeln!(f)?;
        for (name, span) in [
            ("thinking", &self.think),
            ("answer", &self.answer),
            ("code", &self.code),
        ] {
            match span {
                Some(Span { bytes, utf16 }) => {
                    write!(f, "{name:<12}bytes {} to {}", bytes.start, bytes.end)?;
                    match bytes == utf16 {
                        true => writeln!(f)?,
                        false => writeln!(f, " (UTF-16 {} to {})", utf16.start, utf16.end)?,
                    }
                }
                None => writeln!(f, "{name:<12}none")?,
            }
        }
        for omission in &self.left_out {
            let what = match omission.what {
                LeftOut::Comment => "a comment",
                LeftOut::BlankLines => "blank lines",
                LeftOut::Unreachable => "statements that cannot run",
            };
            writeln!(
                f,
                "left out    bytes {} to {}: {what}",
                omission.span.bytes.start, omission.span.bytes.end
            )?;
        }
        if let Some(edits) = &self.edits {
            writeln!(f)?;
            write_edits(f, edits, self.breakdown.em_star == 2.0)?;
        }
        if let Some(companions) = &self.companions {
            let similarity = |value: Option<f64>| {
                value.map_or("not computed, the texts are long".to_owned(), |value| {
                    format!("{value:.3}")
                })
            };
            writeln!(f)?;
            writeln!(
                f,
                "similarity  {:.3}",
                self.breakdown.similarity.unwrap_or(0.0)
            )?;
            writeln!(
                f,
                "beside it   Jaro-Winkler {}",
                similarity(companions.jaro_winkler)
            )?;
            writeln!(
                f,
                "            Damerau-Levenshtein {}",
                similarity(companions.damerau_levenshtein)
            )?;
        }
        Ok(())
    }
}

fn write_total(f: &mut fmt::Formatter<'_>, explanation: &Explanation) -> fmt::Result {
    let Some(total) = explanation.breakdown.total else {
        return writeln!(f, "no total: a part with a weight could not be had");
    };
    write!(f, "total {total:.3} =")?;
    let mut before = "";
    for component in explanation
        .components
        .iter()
        .filter(|component| component.weight != 0.0)
    {
        let value = component.value.unwrap_or(0.0);
        write!(
            f,
            "{before} {} x {} {value:.3}",
            component.weight, component.part
        )?;
        before = " +";
    }
    writeln!(f, "\n")
}

fn write_component(f: &mut fmt::Formatter<'_>, component: &Component) -> fmt::Result {
    let Component {
        part,
        value,
        best,
        why,
        ..
    } = component;
    let value = value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    let line = format!(
        "{:<12}{value:>7} of {best}   {}",
        part.name(),
        Visible(why.as_deref().unwrap_or_default())
    );
    writeln!(f, "{}", line.trim_end())
}

/// The edits as a diff in which changed lines show both sides: `np.[-row_-]{+v+}stack(rows)`.
fn write_edits(f: &mut fmt::Formatter<'_>, edits: &EditScript, exact: bool) -> fmt::Result {
    if edits.lines.iter().all(LineEdit::keeps) {
        return writeln!(f, "the code is the target");
    }
    match exact {
        true => writeln!(f, "the code is the target, in other words:")?,
        false => writeln!(f, "from the answer to the target:")?,
    }
    let near = |at: usize| {
        let around = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(edits.lines.len());
        edits.lines[around].iter().any(|line| !line.keeps())
    };
    let mut skipped = 0;
    for (at, line) in edits.lines.iter().enumerate() {
        if !near(at) {
            skipped += 1;
            continue;
        }
        write_skipped(f, std::mem::take(&mut skipped))?;
        let mark = match (line.answer_line, line.target_line) {
            _ if line.keeps() => ' ',
            (Some(_), None) => '-',
            (None, _) => '+',
            _ => '~',
        };
        write!(f, "{mark} ")?;
        for piece in &line.pieces {
            match piece.edit {
                Edit::Delete if mark == '~' => write!(f, "[-{}-]", Visible(&piece.text))?,
                Edit::Insert if mark == '~' => write!(f, "{{+{}+}}", Visible(&piece.text))?,
                _ => write!(f, "{}", Visible(&piece.text))?,
            }
        }
        writeln!(f)?;
    }
    write_skipped(f, skipped)?;
    match edits.cut_short {
        true => writeln!(f, "(long and very different: not compared in all detail)"),
        false => Ok(()),
    }
}

fn write_skipped(f: &mut fmt::Formatter<'_>, lines: usize) -> fmt::Result {
    match lines {
        0 => Ok(()),
        1 => writeln!(f, "  … 1 line the same"),
        lines => writeln!(f, "  … {lines} lines the same"),
    }
}
