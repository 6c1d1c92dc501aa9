//! Tags and fences in texts.
//!
//! `str::find` first studies its pattern, so that no pattern makes it slow. For a tag in a text of some hundred bytes the study takes longer
//! than the search, and a completion is searched a dozen times. These look for the tag's first character, and then whether the tag is
//! there: at worst the text's length times the tag's, which is short; a fence may be long, but the line end before it stands nowhere else in it.

/// Where `pattern` first stands in `text`.
///
/// # Panics
/// If the pattern is empty.
pub(crate) fn find(text: &str, pattern: &str) -> Option<usize> {
    all(text, pattern).next()
}

/// Where `pattern` last stands in `text`.
///
/// # Panics
/// If the pattern is empty.
pub(crate) fn find_last(text: &str, pattern: &str) -> Option<usize> {
    all(text, pattern).next_back()
}

/// Wherever `pattern` stands in `text`; overlapping places are all told.
fn all<'a>(text: &'a str, pattern: &'a str) -> impl DoubleEndedIterator<Item = usize> + 'a {
    let (first, pattern) = (pattern.as_bytes()[0], pattern.as_bytes());
    let bytes = text.as_bytes();
    let starts = move |&at: &usize| bytes[at] == first && bytes[at..].starts_with(pattern);
    (0..bytes.len()).filter(starts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_found_is_what_std_finds(text in "[<>/aé`\n]{0,40}", pattern in "[<>/aé`\n]{1,3}") {
            prop_assert_eq!(find(&text, &pattern), text.find(&pattern));
            prop_assert_eq!(find_last(&text, &pattern), text.rfind(&pattern));
        }
    }
}
