//! Tables as CSV: RFC 4180's, but for the texts that a spreadsheet would take for formulas.

/// A text as a field; what a spreadsheet would take for a formula gets an apostrophe before it.
pub fn field(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok();
    let text = match !is_number && text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// A cell as the page shows it as a field: with the minus sign that programs read, and empty for the dash of no value.
pub fn cell(shown: &str) -> String {
    let shown = shown.trim();
    let number = shown.replace('−', "-");
    match (shown, number.parse::<f64>()) {
        ("–", _) => String::new(),
        (_, Ok(_)) => field(number.trim_start_matches('+')),
        _ => field(shown),
    }
}

/// The rows of a table, each with its cells as the page shows them.
pub fn table(rows: &[Vec<String>]) -> String {
    let line = |row: &Vec<String>| {
        let fields: Vec<String> = row.iter().map(|shown| cell(shown)).collect();
        fields.join(",") + "\r\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_as_programs_read_it() {
        let row = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect();
        let rows: [Vec<String>; 3] = [
            row(&["part", "value"]),
            row(&["es_star", "−1.5"]),
            row(&["why, \"not\"", " – "]),
        ];
        let expected = "part,value\r\nes_star,-1.5\r\n\"why, \"\"not\"\"\",\r\n";
        assert_eq!(table(&rows), expected);
        assert_eq!(cell("+0.25"), "0.25");
    }

    #[test]
    fn no_field_is_a_formula() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("-x", "'-x"),
            ("-2", "-2"),
            ("@a,b", "\"'@a,b\""),
        ] {
            assert_eq!(field(text), expected);
        }
    }
}
