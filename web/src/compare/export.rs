//! The shown pairs as a file: JSON Lines or CSV.

use super::comparison::Comparison;
use super::pairs::{Side, Sides};
use super::record::Measure;
use crate::score::rows::Export;
use serde_json::{Map, Value};

/// Writes the pairs at `shown`, in that order.
pub fn export(form: Export, comparison: &Comparison, sides: Sides<'_>, shown: &[u32]) -> String {
    let mut text = String::new();
    for (place, at) in shown.iter().enumerate() {
        let Some(pair) = comparison.pairs.get(*at as usize) else {
            continue;
        };
        let (a, b) = sides.records(pair);
        let mut line = Map::new();
        line.insert("example".into(), a.key.to_string().into());
        line.insert("a_line".into(), a.line.into());
        line.insert("b_line".into(), b.line.into());
        line.insert("outcome".into(), pair.outcome.name().into());
        for measure in Measure::ALL {
            for (letter, side) in [("a", Side::A), ("b", Side::B)] {
                let value = sides.value(pair, side, measure, comparison.basis);
                let value = value.map_or(Value::Null, Into::into);
                line.insert(format!("{letter}_{}", measure.name()), value);
            }
        }
        line.insert("same_answer".into(), pair.same_answer.into());
        line.insert("as_logged".into(), sides.as_logged(pair).into());
        match form {
            Export::JsonLines => {
                text.push_str(&Value::Object(line).to_string());
                text.push('\n');
            }
            Export::Csv => {
                if place == 0 {
                    let names: Vec<&str> = line.keys().map(|name| &**name).collect();
                    text.push_str(&names.join(","));
                    text.push_str("\r\n");
                }
                // No value holds a comma or a quotation mark: they are numbers and the page's own words.
                let value = |value: &Value| match value {
                    Value::Null => String::new(),
                    Value::String(word) => word.clone(),
                    other => other.to_string(),
                };
                let values: Vec<String> = line.values().map(value).collect();
                text.push_str(&values.join(","));
                text.push_str("\r\n");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Basis, Line};
    use super::*;

    #[test]
    fn both_forms_hold_the_same_pairs() {
        let record = |total: f64| {
            let line =
                serde_json::json!({"row": 4, "completion": total.to_string(), "total": total});
            Line::parse(line.to_string().as_bytes()).unwrap().record
        };
        let (a, b) = ([record(1.0)], [record(2.5)]);
        let comparison = Comparison::of(&a, &b, Measure::Total, Basis::Logged);
        let sides = Sides {
            a: &a,
            b: &b,
            a_rules: None,
            b_rules: None,
        };
        let csv = export(Export::Csv, &comparison, sides, &[0, 7]);
        assert_eq!(
            csv,
            "example,a_line,b_line,outcome,a_total,b_total,a_es_star,b_es_star,a_em_star,b_em_star,a_edit_gain,b_edit_gain,\
             a_gain_over_copy,b_gain_over_copy,a_format,b_format,a_truncated,b_truncated,same_answer,as_logged\r\n\
             row 4,0,0,win,1.0,2.5,,,,,,,,,,,,,false,\r\n"
        );
        let json = export(Export::JsonLines, &comparison, sides, &[0]);
        assert!(json.starts_with("{\"example\":\"row 4\",\"a_line\":0,\"b_line\":0,\"outcome\":\"win\",\"a_total\":1.0,\"b_total\":2.5,\"a_es_star\":null,"), "{json}");
    }
}
