//! The reward over HTTP under load: scores a second on loopback at eight connections, and whether memory grows.
//!
//! `cargo bench -p recode-trainer --bench serve [-- --requests N]` (a million unless told otherwise). The cases are those that ship with core's
//! tests; every answer is compared with the first one of its case, and that one with the library's. Client and service share the machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use recode_core::reward::{Breakdown, Rubric, score};
use serde::Deserialize;

const CONNECTIONS: usize = 8;

#[derive(Deserialize)]
struct Case {
    completion: String,
    target: String,
}

/// A request, and the answer it should have.
struct Exchange {
    request: Vec<u8>,
    answer: Vec<u8>,
}

struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_recode-trainer"))
            .args(["score", "--serve", "0"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stderr.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("it says where it serves");
        let address = line
            .split(['/', ' '])
            .find(|word| word.starts_with("127.0.0.1:"));
        Self {
            address: address.expect("an address").to_owned(),
            child,
        }
    }

    /// Resident memory in MiB.
    fn memory(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request and reads its answer's body.
fn exchange(stream: &mut BufReader<TcpStream>, request: &[u8], body: &mut Vec<u8>) {
    stream.get_mut().write_all(request).expect("it is sent");
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        stream.read_line(&mut line).expect("an answer");
        if body.is_empty() && line.starts_with("HTTP/1.1") {
            assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line == "\r\n" {
            break;
        }
    }
    body.resize(length, 0);
    stream.read_exact(body).expect("the whole answer");
}

fn exchanges(service: &Service) -> Vec<Exchange> {
    let mut stream = BufReader::new(TcpStream::connect(&service.address).expect("it serves"));
    let cases = include_str!("../../core/tests/golden/reward_cases.jsonl").lines();
    cases
        .map(|line| {
            let case: Case = serde_json::from_str(line).expect("a case");
            let body = serde_json::json!({"completion": case.completion, "target": case.target})
                .to_string();
            let head = "POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Length: ";
            let request = format!("{head}{}\r\n\r\n{body}", body.len()).into_bytes();
            let mut answer = Vec::new();
            exchange(&mut stream, &request, &mut answer);
            let breakdown: Breakdown = serde_json::from_slice(&answer).expect("a breakdown");
            assert_eq!(
                breakdown,
                score(&Rubric::strict(), &case.completion, &case.target)
            );
            Exchange { request, answer }
        })
        .collect()
}

fn main() {
    let service = Service::start();
    let exchanges = exchanges(&service);
    let mut arguments = std::env::args().skip(1);
    // `cargo test --benches` stops here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let requests = arguments
        .by_ref()
        .skip_while(|argument| argument != "--requests")
        .nth(1)
        .map_or(1_000_000, |number| number.parse().expect("--requests N"));

    println!(
        "{CONNECTIONS} connections, {} cases, one completion a request",
        exchanges.len()
    );
    let (begin, sent) = (Instant::now(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let stream = TcpStream::connect(&service.address).expect("it serves");
                stream.set_nodelay(true).expect("a socket");
                let (mut stream, mut body) = (BufReader::new(stream), Vec::new());
                loop {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    if number >= requests {
                        break;
                    }
                    let Exchange { request, answer } = &exchanges[number % exchanges.len()];
                    exchange(&mut stream, request, &mut body);
                    assert!(body == *answer, "request {number} has another answer");
                    if (number + 1) % (requests / 10).max(1) == 0 {
                        let memory = service
                            .memory()
                            .map_or("?".to_owned(), |mib| format!("{mib:.1}"));
                        let rate = (number + 1) as f64 / begin.elapsed().as_secs_f64();
                        println!(
                            "{:>9} requests   {rate:7.0} scores/s   {memory} MiB",
                            number + 1
                        );
                    }
                }
            });
        }
    });
    println!("no error");
}
