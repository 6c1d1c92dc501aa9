//! The pages, their addresses and their keys: `#/score?…`.

/// A page of the playground, a tab each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// What one answer is worth, and why.
    Score,
    /// Which of two checkpoints is better, and how sure that is.
    Compare,
    /// How runs went, step by step.
    Training,
}

impl Page {
    /// Every one, in the order of the tabs.
    pub const ALL: [Page; 3] = [Page::Score, Page::Compare, Page::Training];

    /// What the tab says.
    pub fn title(self) -> &'static str {
        match self {
            Page::Score => "Score",
            Page::Compare => "Compare",
            Page::Training => "Training",
        }
    }

    /// Its name in an address.
    pub fn name(self) -> &'static str {
        match self {
            Page::Score => "score",
            Page::Compare => "compare",
            Page::Training => "training",
        }
    }

    /// The key that opens it.
    pub fn key(self) -> &'static str {
        match self {
            Page::Score => "1",
            Page::Compare => "2",
            Page::Training => "3",
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
