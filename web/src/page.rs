//! The pages, their addresses and their keys: `#/score?…`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// A page of the playground, a tab each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// What one answer is worth, and why.
    Score,
    /// Which of two checkpoints is better, and how sure that is.
    Compare,
    /// How runs went, step by step.
    Training,
    /// What checkpoints answer, here and now.
    TryIt,
}

impl Page {
    /// Every one, in the order of the tabs.
    pub const ALL: [Page; 4] = [Page::Score, Page::Compare, Page::Training, Page::TryIt];

    /// What the tab says.
    pub fn title(self) -> &'static str {
        match self {
            Page::Score => "Score",
            Page::Compare => "Compare",
            Page::Training => "Training",
            Page::TryIt => "Try it",
        }
    }

    /// Its name in an address.
    pub fn name(self) -> &'static str {
        match self {
            Page::Score => "score",
            Page::Compare => "compare",
            Page::Training => "training",
            Page::TryIt => "try",
        }
    }

    /// The key that opens it.
    pub fn key(self) -> &'static str {
        match self {
            Page::Score => "1",
            Page::Compare => "2",
            Page::Training => "3",
            Page::TryIt => "4",
        }
    }

    /// Its address without any state.
    pub fn address(self) -> String {
        format!("#/{}", self.name())
    }

    /// The page that a key opens.
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.key() == key)
    }
}

/// The page and its state in an address's hash; `None` where the page is not known.
pub fn parse(hash: &str) -> Option<(Page, &str)> {
    let rest = hash.strip_prefix("#/")?;
    let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
    let page = Page::ALL.into_iter().find(|page| page.name() == name)?;
    Some((page, query))
}

/// What a link leaves as it is: the characters that no part of an address or of a chat's markup takes for its own.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The longest state of a link: chats and proxies cut longer ones off.
pub const MAX_LINK_BYTES: usize = 16 << 10;

/// Why something has no link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the link would have {bytes} bytes, more than the {MAX_LINK_BYTES} that survive a chat: save the row as a file instead"
)]
pub struct TooLong {
    /// How long the link would be.
    pub bytes: usize,
}

/// Names and texts as the state of an address: `rules=strict&old=…`.
///
/// # Errors
/// It would be longer than [`MAX_LINK_BYTES`].
pub fn to_query(fields: &[(&str, &str)]) -> Result<String, TooLong> {
    let field =
        |(name, text): &(&str, &str)| format!("{name}={}", utf8_percent_encode(text, ENCODED));
    let query = fields.iter().map(field).collect::<Vec<_>>().join("&");
    match query.len() {
        bytes if bytes > MAX_LINK_BYTES => Err(TooLong { bytes }),
        _ => Ok(query),
    }
}

/// The names and texts of an address's state.
pub fn fields(query: &str) -> impl Iterator<Item = (&str, String)> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| {
        (
            name,
            percent_decode_str(value).decode_utf8_lossy().into_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_its_page() {
        for page in Page::ALL {
            assert_eq!(parse(&page.address()), Some((page, "")));
            assert_eq!(
                parse(&format!("{}?a=b", page.address())),
                Some((page, "a=b"))
            );
        }
        for hash in ["", "#", "#/", "#score", "#/nowhere?a=b"] {
            assert_eq!(parse(hash), None, "{hash}");
        }
    }

    #[test]
    fn a_key_opens_its_page() {
        assert_eq!(Page::of_key("1"), Some(Page::Score));
        assert_eq!(Page::of_key("2"), Some(Page::Compare));
        assert_eq!(Page::of_key("3"), Some(Page::Training));
        for key in ["0", "9", "a", "", "-1"] {
            assert_eq!(Page::of_key(key), None, "{key}");
        }
    }
}
