//! Names that are given once: files of other folders may be called the same.

/// The name, with a number behind it where others have it already: `after.jsonl (2)`.
pub fn unique_name(name: &str, taken: &[&str]) -> String {
    let numbered = (2..).map(|number| format!("{name} ({number})"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names
        .find(|name| !taken.contains(&&**name))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_gets_the_first_free_number() {
        assert_eq!(unique_name("a", &["b"]), "a");
        assert_eq!(unique_name("a", &["a", "b"]), "a (2)");
        assert_eq!(unique_name("a", &["a", "a (2)", "a (4)"]), "a (3)");
    }
}
