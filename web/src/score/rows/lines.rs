//! The lines of a file that comes in pieces.

use super::LineError;

/// The longest line that is read: a text of that size takes the scorer about a second.
pub const MAX_LINE_BYTES: usize = 4 << 20;

/// How much of a line that does not end is read: what has none by then is no text of lines.
pub const MAX_ENDLESS_BYTES: usize = 64 << 20;

/// A line that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// Its number in the file, from 1.
    pub number: u32,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its length, without the line end.
    pub bytes: u32,
    /// Its text.
    pub text: Result<Vec<u8>, LineError>,
}

/// Finds lines; what is left of a piece waits for the next.
#[derive(Debug, Default)]
pub struct Lines {
    waiting: Vec<u8>,
    /// Bytes of a line that is too long, and therefore no longer kept.
    dropped: usize,
    number: u32,
    offset: u64,
}

impl Lines {
    /// Takes the next piece; gives the lines that end in it.
    pub fn push(&mut self, piece: &[u8]) -> Vec<Raw> {
        let mut found = Vec::new();
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            self.wait(&rest[..end]);
            found.extend(self.line(1));
            rest = &rest[end + 1..];
        }
        self.wait(rest);
        found
    }

    /// The last line, where the file does not end in a line end.
    pub fn finish(&mut self) -> Option<Raw> {
        self.line(0)
    }

    /// The line that has begun and not ended; `None` where there is none, or it is too long to be kept.
    pub fn waiting(&self) -> Option<&[u8]> {
        Some(&*self.waiting).filter(|line| !line.is_empty())
    }

    /// What is wrong with the file, where the line that has begun does not end within `MAX_ENDLESS_BYTES`.
    pub fn endless(&self) -> Option<String> {
        (self.dropped > MAX_ENDLESS_BYTES).then(|| {
            format!(
                "line {} does not end within {} bytes, and {MAX_ENDLESS_BYTES} are waited for: expected JSON Lines, an object a line",
                self.number + 1,
                self.dropped
            )
        })
    }

    /// The number of the line that has begun and not ended.
    pub fn unfinished(&self) -> Option<u32> {
        (self.dropped > 0 || !self.waiting.is_empty()).then_some(self.number + 1)
    }

    fn wait(&mut self, bytes: &[u8]) {
        if self.dropped + self.waiting.len() + bytes.len() > MAX_LINE_BYTES {
            self.dropped += self.waiting.len() + bytes.len();
            self.waiting.clear();
        } else {
            self.waiting.extend_from_slice(bytes);
        }
    }

    fn line(&mut self, line_end: u64) -> Option<Raw> {
        let (mut text, bytes) = match self.dropped {
            0 => (Ok(std::mem::take(&mut self.waiting)), self.waiting.len()),
            bytes => (
                Err(LineError::TooLong {
                    bytes,
                    limit: MAX_LINE_BYTES,
                }),
                bytes,
            ),
        };
        let bytes = text.as_ref().map_or(bytes, Vec::len);
        let offset = self.offset;
        self.dropped = 0;
        self.number += 1;
        self.offset += bytes as u64 + line_end;
        if let Ok(text) = &mut text {
            // Windows: a mark at the file's beginning, and \r before \n.
            if offset == 0 && text.starts_with(b"\xef\xbb\xbf") {
                text.drain(..3);
            }
            if text.iter().all(u8::is_ascii_whitespace) {
                return None;
            }
        }
        Some(Raw {
            number: self.number,
            offset,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(pieces: &[&[u8]]) -> Vec<Raw> {
        let mut lines = Lines::default();
        let mut found: Vec<Raw> = pieces.iter().flat_map(|piece| lines.push(piece)).collect();
        found.extend(lines.finish());
        found
    }

    #[test]
    fn blank_lines_count_and_are_passed_over() {
        let found = all(&[b"\xef\xbb\xbfa\r\n\n  \r\nb"]);
        let places: Vec<_> = found
            .iter()
            .map(|raw| (raw.number, raw.offset, raw.bytes))
            .collect();
        // The mark's three bytes and the \r are part of the line in the file.
        assert_eq!(places, [(1, 0, 5), (4, 11, 1)]);
        assert_eq!(found[0].text.as_deref(), Ok(&b"a\r"[..]));
        assert_eq!(all(&[]), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_named_and_the_next_one_read() {
        let long = vec![b'x'; MAX_LINE_BYTES / 2];
        let found = all(&[&long, &long, b"x", b"yz\nb\n"]);
        let error = LineError::TooLong {
            bytes: MAX_LINE_BYTES + 3,
            limit: MAX_LINE_BYTES,
        };
        assert_eq!(found[0].text, Err(error));
        assert_eq!(
            (found[1].number, found[1].offset),
            (2, MAX_LINE_BYTES as u64 + 4)
        );
        assert_eq!(found[1].text.as_deref(), Ok(&b"b"[..]));
    }

    #[test]
    fn a_line_that_never_ends_is_given_up() {
        let piece = vec![0; 1 << 20];
        let mut lines = Lines::default();
        let read = (1..).take_while(|_| {
            lines.push(&piece);
            lines.endless().is_none()
        });
        assert_eq!(read.count(), 64);
        let said = lines.endless().unwrap();
        assert!(
            said.starts_with(
                "line 1 does not end within 68157440 bytes, and 67108864 are waited for"
            ),
            "{said}"
        );
        lines.push(b"\n");
        assert_eq!(lines.endless(), None);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "([ab]{0,3}\n|é){0,12}", cut in 0usize..40) {
            let bytes = text.as_bytes();
            let cut = cut.min(bytes.len());
            let whole = all(&[bytes]);
            prop_assert_eq!(&all(&[&bytes[..cut], &bytes[cut..]]), &whole);
            for raw in whole {
                let at = raw.offset as usize;
                prop_assert_eq!(raw.text.as_deref(), Ok(&bytes[at..at + raw.bytes as usize]));
            }
        }
    }
}
