//! Which examples two files share. What they do not share is counted and kept by kind, never dropped: a missing answer is not a good one.

use super::record::{Key, Record};
use std::collections::BTreeMap;

/// An example that both files answer: indices of their records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    /// In A.
    pub a: u32,
    /// In B.
    pub b: u32,
}

/// An example that a file answers more than once, so that nobody knows which answer counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubled {
    /// The example.
    pub key: Key,
    /// A's records of it.
    pub a: Vec<u32>,
    /// B's records of it.
    pub b: Vec<u32>,
}

/// Every example of two files, each in one of the lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Join {
    /// In both, once each.
    pub shared: Vec<Shared>,
    /// In A alone.
    pub only_a: Vec<u32>,
    /// In B alone.
    pub only_b: Vec<u32>,
    /// In one of them, or both, several times.
    pub doubled: Vec<Doubled>,
    /// In both under the same name, with another update, old code or target.
    pub changed: Vec<Shared>,
}

impl Join {
    /// Sorts the examples of both files.
    pub fn of(a: &[Record], b: &[Record]) -> Self {
        let mut examples: BTreeMap<Key, (Vec<u32>, Vec<u32>)> = BTreeMap::new();
        for (at, record) in (0..).zip(a) {
            examples.entry(record.key).or_default().0.push(at);
        }
        for (at, record) in (0..).zip(b) {
            examples.entry(record.key).or_default().1.push(at);
        }
        let mut join = Join::default();
        for (key, (in_a, in_b)) in examples {
            match (&in_a[..], &in_b[..]) {
                (&[a_at], &[b_at]) => {
                    let contents = (a[a_at as usize].content, b[b_at as usize].content);
                    let shared = Shared { a: a_at, b: b_at };
                    match contents {
                        (Some(a), Some(b)) if a != b => join.changed.push(shared),
                        _ => join.shared.push(shared),
                    }
                }
                (&[a_at], &[]) => join.only_a.push(a_at),
                (&[], &[b_at]) => join.only_b.push(b_at),
                _ => join.doubled.push(Doubled {
                    key,
                    a: in_a,
                    b: in_b,
                }),
            }
        }
        join
    }

    /// How many examples are compared with nothing.
    pub fn unmatched(&self) -> usize {
        self.only_a.len() + self.only_b.len() + self.doubled.len() + self.changed.len()
    }

    /// Why the files share no example, by one of each; `None` where they share some.
    pub fn why_none(&self, a: &[Record], b: &[Record]) -> Option<String> {
        if !self.shared.is_empty() {
            return None;
        }
        if let Some(changed) = self.changed.first() {
            return Some(format!(
                "What has the same name has another update, old code or target, as {}: the files are of different data.",
                a[changed.a as usize].key
            ));
        }
        let mut doubled = self.doubled.iter();
        if let Some(doubled) = doubled.find(|of| !of.a.is_empty() && !of.b.is_empty()) {
            return Some(format!(
                "What is in both is answered several times in one of them, as {}: leave one answer an example.",
                doubled.key
            ));
        }
        let (a, b) = (a.first()?.key, b.first()?.key);
        let known = match a.known_by() == b.known_by() {
            true => String::new(),
            false => format!(
                " A's examples are known by {}, B's by {}.",
                a.known_by(),
                b.known_by()
            ),
        };
        Some(format!(
            "None of A's examples is in B: A has {a}, B has {b}.{known}"
        ))
    }

    /// The report as a sentence.
    pub fn in_words(&self) -> String {
        let shared = match self.shared.len() {
            0 => "The files share no example".to_owned(),
            1 => "1 example is in both".to_owned(),
            n => format!("{n} examples are in both"),
        };
        if self.unmatched() == 0 {
            return format!("{shared}; none is missing, doubled or changed.");
        }
        let parts = [
            (self.only_a.len(), "only in A"),
            (self.only_b.len(), "only in B"),
            (self.doubled.len(), "doubled"),
            (self.changed.len(), "changed"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(n, what)| format!("{n} {what}")).collect();
        format!("{shared}; {}.", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;
    use proptest::prelude::*;

    pub fn records(rows: &[(u64, &str)]) -> Vec<Record> {
        let record = |&(row, target): &(u64, &str)| {
            let line = serde_json::json!({"row": row, "completion": "c", "new_code": target});
            Line::parse(line.to_string().as_bytes()).unwrap().record
        };
        rows.iter().map(record).collect()
    }

    #[test]
    fn every_example_is_told_of() {
        let a = records(&[(1, "x"), (2, "x"), (3, "x"), (4, "x"), (4, "x")]);
        let b = records(&[(5, "x"), (4, "x"), (3, "y"), (1, "x")]);
        let join = Join::of(&a, &b);
        assert_eq!(join.shared, [Shared { a: 0, b: 3 }]);
        assert_eq!((&join.only_a[..], &join.only_b[..]), (&[1][..], &[0][..]));
        assert_eq!(join.changed, [Shared { a: 2, b: 2 }]);
        assert_eq!(
            (&join.doubled[0].a[..], &join.doubled[0].b[..]),
            (&[3, 4][..], &[1][..])
        );
        assert_eq!(
            join.in_words(),
            "1 example is in both; 1 only in A, 1 only in B, 1 doubled, 1 changed."
        );
    }

    #[test]
    fn files_that_share_nothing_say_why_by_an_example() {
        let why = |a: &[Record], b: &[Record]| Join::of(a, b).why_none(a, b);
        let (a, b) = (records(&[(1, "x"), (2, "x")]), records(&[(7, "x")]));
        assert_eq!(why(&a, &a), None);
        assert_eq!(
            why(&a, &b).as_deref(),
            Some("None of A's examples is in B: A has row 1, B has row 7.")
        );
        let line = br#"{"step": 3, "row": 1, "sample": 0, "completion": "c"}"#;
        let sample = [Line::parse(line).unwrap().record];
        assert_eq!(
            why(&a, &sample).as_deref(),
            Some(
                "None of A's examples is in B: A has row 1, B has step 3 row 1 #0. A's examples are known by row, B's by step, row and sample."
            )
        );
        let of = |rows: &[(u64, &str)]| why(&records(&[(1, "x")]), &records(rows)).unwrap();
        assert!(of(&[(1, "y")]).starts_with("What has the same name has another update"));
        assert!(of(&[(1, "x"), (1, "x")]).starts_with("What is in both is answered several"));
        // What each has alone beside that makes none of it false; what only one of them doubles is in one of them.
        assert!(of(&[(1, "y"), (3, "x")]).starts_with("What has the same name has another update"));
        let (a, twice) = (
            records(&[(1, "x"), (2, "x")]),
            records(&[(1, "x"), (1, "x"), (3, "x")]),
        );
        assert!(
            why(&a, &twice)
                .unwrap()
                .starts_with("What is in both is answered several")
        );
        assert!(
            of(&[(4, "x"), (4, "x")])
                .starts_with("None of A's examples is in B: A has row 1, B has row 4.")
        );
    }

    #[test]
    fn what_holds_no_prompt_is_not_called_changed() {
        let mut a = records(&[(1, "x")]);
        a[0].content = None;
        assert_eq!(Join::of(&a, &records(&[(1, "y")])).unmatched(), 0);
    }

    proptest! {
        #[test]
        fn no_record_is_lost(a in prop::collection::vec(0u64..9, 0..12), b in prop::collection::vec(0u64..9, 0..12)) {
            let of = |rows: &[u64]| records(&rows.iter().map(|&row| (row, "x")).collect::<Vec<_>>());
            let join = Join::of(&of(&a), &of(&b));
            let doubled = |side: fn(&Doubled) -> usize| join.doubled.iter().map(side).sum::<usize>();
            prop_assert_eq!(join.shared.len() + join.only_a.len() + doubled(|d| d.a.len()), a.len());
            prop_assert_eq!(join.shared.len() + join.only_b.len() + doubled(|d| d.b.len()), b.len());
        }
    }
}
