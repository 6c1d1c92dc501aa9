//! Lines of a file that could not be read, or not in whole: all are counted, and the first of each kind are told of.

use serde::{Deserialize, Serialize};

/// How many lines of each kind are told of.
pub const MAX_FAULTS: usize = 100;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineFault {
    /// Its number in the file, from 1.
    pub line: u32,
    /// What is wrong, and what was expected.
    pub what: String,
    /// Whether the line counts all the same, without one of its values.
    pub counts: bool,
}

/// The faults of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LineFaults {
    /// The first [`MAX_FAULTS`] of each kind.
    pub first: Vec<LineFault>,
    /// How many lines could not be read.
    pub unread: usize,
    /// How many were read without one of their values.
    pub remarked: usize,
}

impl LineFaults {
    /// Counts a line that could not be read.
    pub fn add_unread(&mut self, line: u32, what: String) {
        self.unread += 1;
        if self.unread <= MAX_FAULTS {
            let counts = false;
            self.first.push(LineFault { line, what, counts });
        }
    }

    /// Counts a line that was read without one of its values.
    pub fn add_remark(&mut self, line: u32, what: String) {
        self.remarked += 1;
        if self.remarked <= MAX_FAULTS {
            let counts = true;
            self.first.push(LineFault { line, what, counts });
        }
    }

    /// Those that are to be told of since the last call, with how many of all there are by now.
    pub fn news(&mut self) -> Self {
        LineFaults {
            first: std::mem::take(&mut self.first),
            ..*self
        }
    }

    /// Takes what [`LineFaults::news`] gave elsewhere.
    pub fn take(&mut self, news: Self) {
        self.first.extend(news.first);
        self.unread = news.unread;
        self.remarked = news.remarked;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_many_remarks_hide_no_line_that_is_unreadable() {
        let (mut worker, mut page) = (LineFaults::default(), LineFaults::default());
        for line in 1..=101 {
            worker.add_remark(line, "r".to_owned());
        }
        page.take(worker.news());
        worker.add_unread(102, "u".to_owned());
        page.take(worker.news());
        assert_eq!((page.remarked, page.unread), (101, 1));
        assert_eq!(page.first.len(), MAX_FAULTS + 1);
        assert!(!page.first[MAX_FAULTS].counts);
    }
}
