//! The files that a link is about. Those of the page's site it carries by their addresses; of one's own it says what they were, as files do not travel.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stays as it is in a file's name or address.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// A file of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkedFile {
    /// One of the page's site: its address.
    Address(String),
    /// One that was opened by whoever copied the link.
    Own {
        /// Its name.
        name: String,
        /// The first digits of its SHA-256; empty where they were not known.
        hash: String,
    },
}

/// A file that is open.
#[derive(Debug, Clone, Copy)]
pub struct OpenFile<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it was fetched from.
    pub address: Option<&'a str>,
    /// The first digits of its SHA-256; empty as long as they are not known.
    pub hash: &'a str,
}

impl LinkedFile {
    /// What stands in a link: `file=…`, or `own=` with the hash and the name.
    pub fn write(&self) -> String {
        let encoded = |text| utf8_percent_encode(text, ENCODED);
        match self {
            LinkedFile::Address(address) => format!("file={}", encoded(address)),
            LinkedFile::Own { name, hash } => format!("own={}/{}", encoded(hash), encoded(name)),
        }
    }

    /// The file of a link's field; `None` where the field names none.
    pub fn read(field: &str, value: &str) -> Option<Self> {
        let text = percent_decode_str(value).decode_utf8_lossy().into_owned();
        match field {
            "file" => Some(LinkedFile::Address(text)),
            "own" => {
                let (hash, name) = text.split_once('/')?;
                Some(LinkedFile::Own {
                    name: name.to_owned(),
                    hash: hash.to_owned(),
                })
            }
            _ => None,
        }
    }

    /// Its place among those that are open, the last one that is it: by its address, by what is in it, or else by its name.
    pub fn place(&self, open: &[OpenFile<'_>]) -> Option<usize> {
        match self {
            LinkedFile::Address(address) => open
                .iter()
                .rposition(|file| file.address == Some(&**address)),
            LinkedFile::Own { name, hash } => open
                .iter()
                .rposition(|file| !hash.is_empty() && file.hash == hash)
                .or_else(|| open.iter().rposition(|file| file.name == name)),
        }
    }
}

/// What whoever follows a link is told of the files that it does not carry: which of those that are open are others, and which to open.
pub fn link_notices(linked: &[LinkedFile], open: &[OpenFile<'_>]) -> Vec<String> {
    let (mut missing, mut notices) = (Vec::new(), Vec::new());
    for file in linked {
        let LinkedFile::Own { name, hash } = file else {
            continue;
        };
        match file.place(open).map(|place| open[place]) {
            None => missing.push(&**name),
            Some(here) if !hash.is_empty() && !here.hash.is_empty() && here.hash != hash => {
                notices.push(format!(
                    "{name} is another file here than the link's ({}, not {hash}): its numbers may be others.",
                    here.hash
                ));
            }
            Some(_) => {}
        }
    }
    notices.extend(missing_notice(&missing));
    notices
}

fn missing_notice(names: &[&str]) -> Option<String> {
    let (last, before) = names.split_last()?;
    let (names, them) = match before {
        [] => ((*last).to_owned(), "it"),
        _ => (format!("{} and {last}", before.join(", ")), "them"),
    };
    Some(format!(
        "This link is about {names}, which it does not carry: open {them} here."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str, hash: &str) -> LinkedFile {
        LinkedFile::Own {
            name: name.to_owned(),
            hash: hash.to_owned(),
        }
    }

    fn open<'a>(name: &'a str, hash: &'a str) -> OpenFile<'a> {
        OpenFile {
            name,
            address: None,
            hash,
        }
    }

    #[test]
    fn a_link_says_which_files_it_is_about() {
        let linked = [own("a.jsonl", "11"), own("b.jsonl", "22")];
        assert_eq!(
            link_notices(&linked, &[]),
            ["This link is about a.jsonl and b.jsonl, which it does not carry: open them here."]
        );
        assert_eq!(
            link_notices(&linked, &[open("b.jsonl", "22")]),
            ["This link is about a.jsonl, which it does not carry: open it here."]
        );
        // What is in it counts, and not what it is called.
        let both = [open("renamed.jsonl", "11"), open("b.jsonl", "22")];
        assert_eq!(link_notices(&linked, &both), [""; 0]);
        assert_eq!(linked[0].place(&both), Some(0));
        let other = [open("a.jsonl", "33"), open("b.jsonl", "22")];
        assert_eq!(
            link_notices(&linked, &other),
            [
                "a.jsonl is another file here than the link's (33, not 11): its numbers may be others."
            ]
        );
        assert_eq!(linked[0].place(&other), Some(0));
        // As long as it is read, nothing is known of it.
        assert_eq!(link_notices(&linked[..1], &[open("a.jsonl", "")]), [""; 0]);
    }

    #[test]
    fn a_file_of_the_site_is_known_by_its_address_alone() {
        let linked = LinkedFile::Address("x.jsonl".to_owned());
        assert_eq!(linked.place(&[open("x.jsonl", "1")]), None);
        assert_eq!(link_notices(&[linked], &[]), [""; 0]);
        assert_eq!(LinkedFile::read("own", "no-name"), None);
        assert_eq!(LinkedFile::read("a", "1/x"), None);
    }
}
