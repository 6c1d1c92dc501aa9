//! Code and prose cut into pieces, and words into stems: what renaming and comparing work on. Knows no grammar.

/// Words Python keeps for itself; renaming leaves them alone.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// Whether `word` is a keyword of Python.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// Whether `piece`, one of [`pieces`], is a word: letters, digits and underscores that do not begin with a digit.
pub(super) fn is_word(piece: &str) -> bool {
    piece.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// `text` cut into words, numbers, white space and single other characters; together they are the text.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    #[derive(PartialEq)]
    enum Kind {
        Word,
        Number,
        Space,
        Other,
    }
    let kind_of = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '_' => Kind::Word,
        '0'..='9' => Kind::Number,
        c if c.is_whitespace() => Kind::Space,
        _ => Kind::Other,
    };
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let kind = kind_of(first);
        let belongs = |c: char| match kind {
            Kind::Word => matches!(kind_of(c), Kind::Word | Kind::Number),
            Kind::Number => kind_of(c) == Kind::Number,
            Kind::Space => kind_of(c) == Kind::Space,
            Kind::Other => false,
        };
        let len = first.len_utf8()
            + rest[first.len_utf8()..]
                .find(|c| !belongs(c))
                .unwrap_or(rest.len() - first.len_utf8());
        pieces.push(&rest[..len]);
        rest = &rest[len..];
    }
    pieces
}

/// A word cut at underscores, digits and changes of case: `RocCurve_v2` is `Roc`, `Curve`, `_`, `v`, `2`.
pub(super) fn stems(word: &str) -> Vec<&str> {
    let bytes = word.as_bytes();
    let kind = |b: u8| match b {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let mut cuts = vec![0];
    for at in 1..bytes.len() {
        let (before, here) = (kind(bytes[at - 1]), kind(bytes[at]));
        let cut = match (before, here) {
            // `Roc`: the capital belongs to what follows it.
            (1, 0) => false,
            // `GMMModel`: the last capital of a row begins the next stem.
            (1, 1) => bytes.get(at + 1).is_some_and(|&next| kind(next) == 0),
            (before, here) => before != here,
        };
        if cut {
            cuts.push(at);
        }
    }
    cuts.push(bytes.len());
    cuts.windows(2).map(|cut| &word[cut[0]..cut[1]]).collect()
}

/// `stem`, lower case, written the way `like` is: lower case, Capitalised or UPPER.
pub(super) fn in_the_case_of(like: &str, stem: &str) -> String {
    let upper = |text: &str| text.to_ascii_uppercase();
    if like.len() > 1 && like.bytes().all(|b| b.is_ascii_uppercase()) {
        upper(stem)
    } else if like.starts_with(|c: char| c.is_ascii_uppercase()) && !stem.is_empty() {
        upper(&stem[..1]) + &stem[1..]
    } else {
        stem.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_words_numbers_space_and_single_signs() {
        let text = "x1 = np.from_array(10)\n    # é";
        let cut = pieces(text);
        assert_eq!(
            cut,
            [
                "x1",
                " ",
                "=",
                " ",
                "np",
                ".",
                "from_array",
                "(",
                "10",
                ")",
                "\n    ",
                "#",
                " ",
                "é"
            ]
        );
        assert_eq!(cut.concat(), text);
        assert!(pieces("").is_empty());
    }

    #[test]
    fn stems_follow_underscores_digits_and_case() {
        assert_eq!(
            stems("from_numpy_array"),
            ["from", "_", "numpy", "_", "array"]
        );
        assert_eq!(stems("RocCurveDisplay"), ["Roc", "Curve", "Display"]);
        assert_eq!(stems("GaussianNB"), ["Gaussian", "NB"]);
        assert_eq!(stems("KFold"), ["K", "Fold"]);
        assert_eq!(stems("__fields__"), ["__", "fields", "__"]);
        assert_eq!(stems("float64"), ["float", "64"]);
    }

    #[test]
    fn a_stem_takes_the_case_of_the_one_it_replaces() {
        assert_eq!(in_the_case_of("curve", "dog"), "dog");
        assert_eq!(in_the_case_of("Curve", "dog"), "Dog");
        assert_eq!(in_the_case_of("LDA", "dog"), "DOG");
        assert_eq!(in_the_case_of("K", "dog"), "Dog");
    }
}
