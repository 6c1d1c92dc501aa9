//! Which tokens top-k and top-p left over when a token was drawn.

use crate::{Error, Result};

/// A set of token ids for each request: a bit a token.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptTokens {
    vocabulary: usize,
    /// `vocabulary.div_ceil(64)` words a request.
    words: Vec<u64>,
    len: usize,
}

impl KeptTokens {
    /// No requests yet.
    #[must_use]
    pub fn new(vocabulary: usize) -> Self {
        Self {
            vocabulary,
            words: Vec::new(),
            len: 0,
        }
    }

    /// Appends the tokens kept for the next request; one named twice is kept once.
    ///
    /// # Errors
    /// [`Error::Index`] for an id outside the vocabulary; nothing is appended then.
    pub fn push(&mut self, tokens: impl IntoIterator<Item = u32>) -> Result<()> {
        let first = self.words.len();
        self.words.resize(first + self.words_each(), 0);
        for token in tokens {
            let inside = Error::check_index(
                "KeptTokens::push",
                || "token".into(),
                token as usize,
                self.vocabulary,
            );
            if inside.is_err() {
                self.words.truncate(first);
                return inside;
            }
            self.words[first + token as usize / 64] |= 1 << (token % 64);
        }
        self.len += 1;
        Ok(())
    }

    /// Appends the requests of another set.
    ///
    /// # Errors
    /// [`Error::Argument`] for a set of another vocabulary.
    pub fn append(&mut self, other: &Self) -> Result<()> {
        if other.vocabulary != self.vocabulary {
            return Err(Error::Argument {
                op: "KeptTokens::append",
                what: "other",
                reason: format!(
                    "is of {} tokens, expected {}",
                    other.vocabulary, self.vocabulary
                ),
            });
        }
        self.words.extend_from_slice(&other.words);
        self.len += other.len;
        Ok(())
    }

    /// Number of requests.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no requests.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of tokens there are to keep or not.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// Whether a request keeps a token.
    ///
    /// # Panics
    /// Where there is no such request or token.
    #[must_use]
    pub fn contains(&self, request: usize, token: u32) -> bool {
        assert!(
            request < self.len && (token as usize) < self.vocabulary,
            "token {token} of request {request}"
        );
        let word = self.words[request * self.words_each() + token as usize / 64];
        word >> (token % 64) & 1 == 1
    }

    /// The sets as 32-bit words, `vocabulary.div_ceil(32)` a request.
    #[cfg(feature = "gpu")]
    pub(super) fn to_words(&self) -> Vec<u32> {
        let each = self.vocabulary.div_ceil(32);
        let halves = |word: &u64| [*word as u32, (*word >> 32) as u32];
        let requests = self.words.chunks(self.words_each().max(1));
        requests
            .flat_map(|words| words.iter().flat_map(halves).take(each))
            .collect()
    }

    fn words_each(&self) -> usize {
        self.vocabulary.div_ceil(64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_is_kept_and_nothing_else() {
        let mut kept = KeptTokens::new(130);
        kept.push([129, 0, 64, 0]).unwrap();
        kept.push([63]).unwrap();
        let tokens = |request| {
            (0..130)
                .filter(|&t| kept.contains(request, t))
                .collect::<Vec<_>>()
        };
        assert_eq!((tokens(0), tokens(1)), (vec![0, 64, 129], vec![63]));
        assert_eq!(kept.len(), 2);
    }

    #[test]
    fn a_token_outside_the_vocabulary_appends_nothing() {
        let mut kept = KeptTokens::new(130);
        let error = kept.push([1, 130]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "KeptTokens::push: token is 130, but must be below 130"
        );
        assert_eq!(kept, KeptTokens::new(130));
    }

    #[test]
    fn a_set_follows_one_of_the_same_vocabulary_only() {
        let set = |vocabulary, tokens: &[u32]| {
            let mut kept = KeptTokens::new(vocabulary);
            kept.push(tokens.iter().copied()).unwrap();
            kept
        };
        let mut kept = set(130, &[3]);
        kept.append(&set(130, &[64, 129])).unwrap();
        assert_eq!(kept.len(), 2);
        assert!(kept.contains(0, 3) && kept.contains(1, 129) && !kept.contains(1, 3));
        let error = kept.append(&set(129, &[3])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "KeptTokens::append: other is of 129 tokens, expected 130"
        );
        assert_eq!(kept.len(), 2);
    }
}
