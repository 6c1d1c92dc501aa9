//! A file that grows while it is watched: what to ask for next, and whether what comes is still the same file.
//!
//! Each look begins some bytes before where the last one ended. A file that is shorter than it was, or whose bytes there are others, was cut
//! back or replaced, and is read from its beginning again.

/// How many known bytes are looked at again.
const OVERLAP: usize = 64;

/// What a look at a file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It goes on with this many bytes at the end of what was looked at.
    Grown(usize),
    /// It is another one: begin again.
    Replaced,
}

/// How far a file was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tail {
    done: u64,
    last: Vec<u8>,
}

impl Tail {
    /// How many bytes were read.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Where the next look begins.
    pub fn from(&self) -> u64 {
        self.done - self.last.len() as u64
    }

    /// Takes what stands in the file from [`Tail::from`] on; after [`Change::Replaced`] it stands at the beginning.
    pub fn take(&mut self, bytes: &[u8]) -> Change {
        let Some(new) = bytes.strip_prefix(&*self.last) else {
            *self = Tail::default();
            return Change::Replaced;
        };
        self.done += new.len() as u64;
        self.last = bytes[bytes.len().saturating_sub(OVERLAP)..].to_vec();
        Change::Grown(new.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_that_was_cut_back_or_replaced_is_noticed() {
        let mut tail = Tail::default();
        assert_eq!(tail.take(b"line 1\nli"), Change::Grown(9));
        assert_eq!(
            (tail.from(), tail.take(b"line 1\nline 2\n")),
            (0, Change::Grown(5))
        );
        for other in [&b"line 1\n"[..], b"line 1\nline 3\nline 4\n"] {
            let mut tail = tail.clone();
            assert_eq!(tail.take(other), Change::Replaced);
            assert_eq!((tail.from(), tail.done()), (0, 0));
        }
    }

    proptest! {
        #[test]
        fn looks_add_up_to_the_file(sizes in prop::collection::vec(0usize..150, 1..8)) {
            let mut tail = Tail::default();
            let (mut file, mut seen) = (Vec::new(), Vec::<u8>::new());
            for size in sizes {
                file.extend((0..size).map(|at| (at * 7 + size) as u8));
                let look = &file[tail.from() as usize..];
                match tail.take(look) {
                    Change::Grown(new) => seen.extend(&look[look.len() - new..]),
                    Change::Replaced => prop_assert!(false, "the file is the same"),
                }
            }
            prop_assert_eq!(seen, file);
        }
    }
}
