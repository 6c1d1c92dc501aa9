//! Edit distance: pairs a second on one core beside `rapidfuzz` in Rust and in C++ and beside `strsim`.
//!
//! `cargo bench -p recode-core --bench similarity`; with `RECODE_PYTHON` naming an interpreter that has the package `rapidfuzz` (C++
//! underneath), `tests/peers/levenshtein.py` times the same pairs, cell by cell in between. Every call gets two texts and keeps nothing; ours
//! decodes UTF-8, Python's are decoded already.
//!
//! Texts are letters, digits and signs as frequent in code, or those with accents and CJK among them. A pair is unrelated, or one text
//! after random insertions, deletions and replacements.

use recode_core::similarity::levenshtein;
use serde_json::json;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

type Pair = (String, String);

/// How long each contender may repeat a cell's pairs.
const TIMED: Duration = Duration::from_millis(400);

/// Longest texts for which strsim, one cell at a time, is waited for.
const STRSIM_UP_TO: usize = 2_000;

const ASCII: &str = "eeettaaonirsldcum_.,()=  \n:\"'[]x01";
const NON_ASCII: &str = "eeettaaonirsldcum_.,()=  éüñçøλж漢字仮名交語数値配列関";

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn of(&mut self, alphabet: &[char]) -> char {
        alphabet[self.below(alphabet.len())]
    }

    fn text(&mut self, alphabet: &[char], n: usize) -> Vec<char> {
        (0..n).map(|_| self.of(alphabet)).collect()
    }

    /// `text` with an edit at each place in `percent` of 100.
    fn edited(&mut self, alphabet: &[char], text: &[char], percent: usize) -> Vec<char> {
        let mut edited = Vec::new();
        for &symbol in text {
            if self.below(100) >= percent {
                edited.push(symbol);
                continue;
            }
            match self.below(3) {
                0 => edited.extend([self.of(alphabet), symbol]),
                1 => edited.push(self.of(alphabet)),
                _ => {}
            }
        }
        edited
    }
}

/// The best of several rounds over all pairs, in pairs a second: other processes only ever slow a round down.
fn per_second(pairs: &[Pair], distance: impl Fn(&str, &str) -> usize) -> f64 {
    let mut best = Duration::MAX;
    let begin = Instant::now();
    while begin.elapsed() < TIMED {
        let start = Instant::now();
        for (a, b) in pairs {
            black_box(distance(a, b));
        }
        best = best.min(start.elapsed());
    }
    pairs.len() as f64 / best.as_secs_f64()
}

fn rapidfuzz(a: &str, b: &str) -> usize {
    rapidfuzz::distance::levenshtein::distance(a.chars(), b.chars())
}

/// The interpreter with rapidfuzz, started once: a line of pairs in, a line with the rate out.
struct Python {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Python {
    fn start() -> Option<Self> {
        let mut child = Command::new(std::env::var_os("RECODE_PYTHON")?)
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../tests/peers/levenshtein.py"
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("RECODE_PYTHON starts");
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Some(Self {
            child,
            stdin,
            stdout,
        })
    }

    /// The script checks the distances before it times them.
    fn per_second(&mut self, pairs: &[Pair], distances: &[usize]) -> f64 {
        let cell = json!({"pairs": pairs, "distances": distances, "seconds": TIMED.as_secs_f64()});
        writeln!(self.stdin, "{cell}").expect("pairs are read");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line.trim()
            .parse()
            .expect("tests/peers/levenshtein.py prints a number")
    }

    fn end(mut self) {
        drop(self.stdin);
        assert!(self.child.wait().expect("the peer ends").success());
    }
}

fn main() {
    // `cargo test --benches` checks short texts and stops before it times.
    let timed = std::env::args().any(|argument| argument == "--bench");
    let mut python = timed.then(Python::start).flatten();
    if timed {
        println!(
            "pairs/s, one core      edits       ours   (times) rapidfuzz, Rust    strsim             rapidfuzz, C++"
        );
    }
    for n in [50, 500, 2_000, 20_000] {
        if n > STRSIM_UP_TO && !timed {
            continue;
        }
        for (name, alphabet) in [("ASCII", ASCII), ("non-ASCII", NON_ASCII)] {
            let alphabet: Vec<char> = alphabet.chars().collect();
            for percent in [10, 30, 100] {
                let mut random = Random((n + percent) as u64);
                let pairs: Vec<Pair> = (0..(100_000 / n).clamp(4, 200))
                    .map(|_| {
                        let a = random.text(&alphabet, n);
                        let b = match percent {
                            100 => random.text(&alphabet, n),
                            _ => random.edited(&alphabet, &a, percent),
                        };
                        (a.iter().collect(), b.iter().collect())
                    })
                    .collect();

                // What is timed is right.
                let distances: Vec<usize> = pairs.iter().map(|(a, b)| levenshtein(a, b)).collect();
                for ((a, b), &distance) in pairs.iter().zip(&distances) {
                    assert_eq!(distance, rapidfuzz(a, b), "{n} {name} {percent}");
                    if n <= 500 {
                        assert_eq!(distance, strsim::levenshtein(a, b), "{n} {name} {percent}");
                    }
                }
                if !timed {
                    continue;
                }
                let kind = match percent {
                    100 => "unrelated".to_owned(),
                    _ => format!("{percent} %"),
                };
                let ours = per_second(&pairs, levenshtein);
                let beside = |peer: Option<f64>| {
                    peer.map_or_else(
                        || format!("{:19}", ""),
                        |peer| format!("{peer:10.0} ({:6.2})", ours / peer),
                    )
                };
                println!(
                    "{n:6} {name:9}  {kind:>9}  {ours:9.0}{}{}{}",
                    beside(Some(per_second(&pairs, rapidfuzz))),
                    beside((n <= STRSIM_UP_TO).then(|| per_second(&pairs, strsim::levenshtein))),
                    beside(
                        python
                            .as_mut()
                            .map(|python| python.per_second(&pairs, &distances))
                    ),
                );
            }
        }
    }
    if let Some(python) = python {
        python.end();
    }
}
