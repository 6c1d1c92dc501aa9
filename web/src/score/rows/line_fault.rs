//! Lines of a file that could not be read, or not in whole: all are counted, and the first of each kind are told of, those of which the same is to
//! be said once.

use serde::{Deserialize, Serialize};

/// How many lines of each kind are told of.
pub const MAX_FAULTS: usize = 100;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineFault {
    /// Its number in the file, from 1; of several the first.
    pub line: u32,
    /// Of how many further lines the same is to be said.
    pub more: usize,
    /// What is wrong, and what was expected.
    pub what: String,
    /// Whether the line counts all the same, without one of its values.
    pub counts: bool,
}

impl LineFault {
    /// The sentence that says it of a file.
    pub fn said(&self, file: &str) -> String {
        let more = match self.more {
            0 => String::new(),
            1 => " (and 1 more line like it)".to_owned(),
            more => format!(" (and {more} more lines like it)"),
        };
        format!("{file}:{}: {}{more}", self.line, self.what)
    }
}

/// The faults of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LineFaults {
    /// The first [`MAX_FAULTS`] different ones of each kind.
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
        self.add(line, what, false);
    }

    /// Counts a line that was read without one of its values.
    pub fn add_remark(&mut self, line: u32, what: String) {
        self.remarked += 1;
        self.add(line, what, true);
    }

    fn add(&mut self, line: u32, what: String, counts: bool) {
        self.take_one(LineFault {
            line,
            more: 0,
            what,
            counts,
        });
    }

    fn take_one(&mut self, fault: LineFault) {
        let mut of_kind = self
            .first
            .iter_mut()
            .filter(|own| own.counts == fault.counts);
        let mut count = 0;
        let same = of_kind.find(|own| {
            count += 1;
            own.what == fault.what
        });
        match same {
            Some(same) => same.more += 1 + fault.more,
            None if count < MAX_FAULTS => self.first.push(fault),
            None => {}
        }
    }

    /// How many lines of a kind are told of.
    pub fn told(&self, counts: bool) -> usize {
        let of_kind = self.first.iter().filter(|fault| fault.counts == counts);
        of_kind.map(|fault| 1 + fault.more).sum()
    }

    /// The same with no more than so many of each kind to be told of.
    pub fn shortened(&self, most: usize) -> Self {
        let of = |counts| {
            self.first
                .iter()
                .filter(move |fault| fault.counts == counts)
        };
        let first = [false, true].map(|counts| of(counts).take(most));
        LineFaults {
            first: first.into_iter().flatten().cloned().collect(),
            ..*self
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
        news.first
            .into_iter()
            .for_each(|fault| self.take_one(fault));
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
            worker.add_remark(line, format!("r{line}"));
        }
        page.take(worker.news());
        worker.add_unread(102, "u".to_owned());
        page.take(worker.news());
        assert_eq!((page.remarked, page.unread), (101, 1));
        assert_eq!(page.first.len(), MAX_FAULTS + 1);
        assert!(!page.first[MAX_FAULTS].counts);
        let few = page.shortened(2);
        let lines: Vec<u32> = few.first.iter().map(|fault| fault.line).collect();
        assert_eq!((lines, few.told(true)), (vec![102, 1, 2], 2));
        assert_eq!((few.remarked, few.unread), (101, 1));
    }

    #[test]
    fn the_same_is_said_once_with_its_lines_counted() {
        let (mut worker, mut page) = (LineFaults::default(), LineFaults::default());
        for line in 1..=250 {
            worker.add_unread(line, "the same".to_owned());
            if line % 100 == 0 {
                page.take(worker.news());
            }
        }
        worker.add_unread(251, "another".to_owned());
        page.take(worker.news());
        let said: Vec<_> = page
            .first
            .iter()
            .map(|fault| (fault.line, fault.more, &*fault.what))
            .collect();
        assert_eq!(said, [(1, 249, "the same"), (251, 0, "another")]);
        let said: Vec<String> = page.first.iter().map(|fault| fault.said("f")).collect();
        assert_eq!(
            said,
            [
                "f:1: the same (and 249 more lines like it)",
                "f:251: another"
            ]
        );
        assert_eq!(
            (page.unread, page.told(false), page.told(true)),
            (251, 251, 0)
        );
    }
}
