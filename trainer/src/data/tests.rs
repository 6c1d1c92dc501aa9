use super::*;

const ROW: &str = r#"{"dependency":"numpy","new_version":"==2.0","description":"d","update_info":"u","old_code":"a","new_code":"b"}"#;

fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows.jsonl");
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

fn complaint(bytes: &[u8]) -> String {
    let (_dir, path) = file(bytes);
    let text = format!(
        "{:#}",
        read_migrations(&path).expect_err("the file is wrong")
    );
    text.replace(&path.display().to_string(), "F")
}

const HINT: &str =
    "; `recode-trainer audit F` lists what is wrong, its --write-clean keeps the sound rows";

#[test]
fn rows_are_read_with_their_lines_whatever_the_line_end() {
    for text in [
        format!("{ROW}\n{ROW}\n"),
        format!("{ROW}\r\n{ROW}\r\n"),
        format!("{ROW}\n{ROW}"),
    ] {
        let (_dir, path) = file(text.as_bytes());
        let rows = read_migrations(&path).unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(rows[1].migration.new_code, "b");
    }
}

#[test]
fn a_wrong_line_is_named_with_its_cause() {
    let cut = &ROW[..ROW.len() - 3];
    let column = cut.len();
    assert_eq!(
        complaint(format!("{ROW}\n{cut}").as_bytes()),
        format!("F:2: the line is cut short at byte {column}: EOF while parsing a string{HINT}")
    );
    let null = ROW.replace("\"a\"", "null");
    assert_eq!(
        complaint(format!("{null}\n{ROW}\n{null}\n").as_bytes()),
        format!("F:1: old_code is null, expected a text (and 1 more line is wrong){HINT}")
    );
    let missing = ROW.replace("old_code", "old_cod");
    assert_eq!(
        complaint(missing.as_bytes()),
        format!("F:1: old_code is missing{HINT}")
    );
    let twice = ROW.replace("{", "{\"new_code\":\"c\",");
    assert_eq!(
        complaint(twice.as_bytes()),
        format!("F:1: new_code is given twice{HINT}")
    );
    assert_eq!(
        complaint(b"[1]\n"),
        format!("F:1: invalid type: sequence, expected an object{HINT}")
    );
    assert_eq!(
        complaint(b"{]\n"),
        format!("F:1: not JSON at byte 2: key must be a string{HINT}")
    );
    assert_eq!(
        complaint(format!("{ROW}\n\n{ROW}\n").as_bytes()),
        format!("F:2: the line is empty{HINT}")
    );
    let half_a_pair = ROW.replace("\"a\"", "\"\\ud800\"");
    assert!(
        complaint(half_a_pair.as_bytes())
            .starts_with("F:1: old_code: expected a text, found string with half a surrogate pair")
    );
}

#[test]
fn what_is_no_plain_utf8_is_named() {
    assert_eq!(
        complaint(b"{\"a\xff\"}\n"),
        format!("F:1: not UTF-8 from byte 4 of the line on{HINT}")
    );
    assert_eq!(
        complaint(format!("\u{feff}{ROW}\n").as_bytes()),
        format!("F:1: the file begins with a byte order mark: save it as UTF-8 without one{HINT}")
    );
}

#[test]
fn an_empty_or_missing_file_is_an_error() {
    assert_eq!(
        complaint(b""),
        "F has no rows: expected a migration a line (JSON Lines)"
    );
    let missing = format!(
        "{:#}",
        read_migrations(Path::new("no/such.jsonl")).unwrap_err()
    );
    assert_eq!(
        missing,
        "cannot read no/such.jsonl: No such file or directory (os error 2)"
    );
    let dir = tempfile::tempdir().unwrap();
    let folder = format!("{:#}", read_migrations(dir.path()).unwrap_err());
    assert!(folder.ends_with(": is a directory"), "{folder}");
}

#[test]
fn a_line_without_end_is_refused_and_the_next_one_read() {
    let mut bytes = vec![b'x'; MAX_LINE_BYTES + 1];
    bytes.extend_from_slice(b"\nlast");
    let (_dir, path) = file(&bytes);
    let lines: Vec<_> = Source::new(path)
        .lines(1 << 16)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        lines[0].text,
        Err("the line is longer than 64 MiB".to_owned())
    );
    assert_eq!(
        lines[1],
        Line {
            number: 2,
            text: Ok("last".to_owned())
        }
    );
    assert_eq!(lines.len(), 2);
}

#[test]
fn fields_keep_their_order_and_their_bytes() {
    let object =
        Object::parse(r#"{"z": 1.50, "a": 18446744073709551616, "m": {"b": [1,  2]}}"#).unwrap();
    let fields: Vec<_> = object
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.get()))
        .collect();
    assert_eq!(
        fields,
        [
            ("z", "1.50"),
            ("a", "18446744073709551616"),
            ("m", r#"{"b": [1,  2]}"#)
        ]
    );
}
