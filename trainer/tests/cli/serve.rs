//! The reward over HTTP: what is asked in plain sockets, so that nothing between hides a fault.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{listening, program, recode, recode_with};

/// A service on a port of its own; ended with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let (child, address) = listening(program().args(["score", "--serve", "0"]).args(args));
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    /// A request's status and the JSON of its answer.
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
        let mut stream = self.connect();
        stream.write_all(&head(method, path, body.len())).unwrap();
        // A service that has had enough may close before everything is sent.
        let _ = stream.write_all(body);
        answer(stream)
    }

    fn score(&self, body: &Value) -> (u16, Value) {
        self.ask("POST", "/score", body.to_string().as_bytes())
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn head(method: &str, path: &str, length: usize) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n").into_bytes()
}

fn answer(mut stream: TcpStream) -> (u16, Value) {
    let mut text = Vec::new();
    // What was read before a reset still counts.
    let _ = stream.read_to_end(&mut text);
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {text:?}"));
    assert!(
        head.to_lowercase()
            .contains("content-type: application/json"),
        "{head}"
    );
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (
        status,
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{text}")),
    )
}

fn item(code: &str) -> Value {
    json!({
        "completion": format!("t</think>\n<answer>\n```python\n{code}\n```\n</answer>"),
        "target": "np.vstack(x)",
        "old_code": "np.hstack(x)",
    })
}

#[test]
fn the_service_says_what_the_command_says() {
    let server = Server::start(&[]);
    let items = [
        item("np.vstack(x)"),
        item("np.hstack(x)"),
        item("np.vstack("),
        json!({"completion": "", "target": "é"}),
    ];
    let lines = items
        .iter()
        .map(Value::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    let score = |args: &[&str]| -> Vec<Value> {
        let outcome = recode_with(&[&["score", "-"], args].concat(), lines.as_bytes());
        let own = ["completion", "target", "old_code"];
        let rewards = |line: &str| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            own.iter()
                .for_each(|name| drop(line.as_object_mut().unwrap().remove(*name)));
            line
        };
        outcome.stdout.lines().map(rewards).collect()
    };
    let plain = score(&[]);
    for (item, expected) in items.iter().zip(&plain) {
        assert_eq!(&server.score(item), &(200, expected.clone()));
    }
    assert_eq!(server.score(&json!(items)), (200, json!(plain)));
    assert_eq!(server.score(&json!({"items": items})), (200, json!(plain)));
    assert_eq!(
        server.score(&json!({"items": items, "explain": true})),
        (200, json!(score(&["--explain"])))
    );
    let rubric = json!({"comparison": "tree", "weights": {"em_star": 2}});
    let strict = score(&["--compare", "tree", "--weights", "em_star=2"]);
    assert_eq!(
        server.score(&json!({"items": items, "rubric": rubric})),
        (200, json!(strict))
    );
    assert_eq!(server.score(&json!([])), (200, json!([])));
}

#[test]
fn health_and_description_are_there() {
    let server = Server::start(&["--reward", "edit_gain"]);
    let (status, health) = server.ask("GET", "/health", b"");
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
    assert_eq!(
        health["rubric"]["weights"],
        json!({"format": 1.0, "edit_gain": 1.0})
    );
    let (status, description) = server.ask("GET", "/openapi.json", b"");
    assert_eq!((status, &description["openapi"]), (200, &json!("3.1.0")));
    // Every field of an answer is described, whatever the answer.
    let cases = [
        ("np.hstack(x)  # as ever", "np.vstack(x)", "strict"),
        ("np.vstack(", "np.vstack(x)", "strict"),
        ("ñ", "np.vstack(x)", "strict"),
        ("# nothing", "np.vstack(x)", "strict"),
        ("x\n```\n<answer>\n```python\ny", "np.vstack(x)", "strict"),
        ("x", "x =", "strict"),
        ("#", "#", "paper"),
    ];
    for (code, target, mode) in cases {
        let mut asked = item(code);
        asked["target"] = json!(target);
        asked["explain"] = json!(true);
        asked["tokens"] = json!(9);
        let weights = json!({"repetition": 1, "overlong": 1});
        asked["rubric"] = json!({"mode": mode, "comparison": "characters", "weights": weights, "overlong": {"max_length": 9, "buffer": 9}});
        let (status, explained) = server.score(&asked);
        assert_eq!(status, 200, "{explained}");
        let schemas = &description["components"]["schemas"];
        assert_described(&explained, &schemas["Breakdown"], schemas);
        assert_described(&asked, &schemas["One"], schemas);
    }
}

/// Every key of `value` is a property of `schema`, all the way down.
fn assert_described(value: &Value, schema: &Value, schemas: &Value) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => &schemas[name.rsplit('/').next().unwrap()],
        None => schema,
    };
    let schema = schema["oneOf"]
        .as_array()
        .map_or(schema, |choices| choices.last().unwrap());
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                assert!(
                    schema["properties"].get(name).is_some(),
                    "{name} of {value} in {schema}"
                );
                assert_described(field, &schema["properties"][name], schemas);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| assert_described(item, &schema["items"], schemas)),
        _ => {}
    }
}

#[test]
fn a_requests_rules_are_laid_over_the_services() {
    let server = Server::start(&["--reward", "edit_gain"]);
    let mut asked = item("np.hstack( x )");
    asked["rubric"] = json!({"comparison": "tokens"});
    let (status, answer) = server.score(&asked);
    assert_eq!(
        (status, &answer["total"]),
        (200, &json!(1.0 - 0.8)),
        "edit_gain still, by tokens now"
    );
}

#[test]
fn half_a_surrogate_pair_spoils_a_target_alone() {
    let server = Server::start(&[]);
    let good = item("np.vstack(x)").to_string();
    let half = item("x = 'ab'").to_string().replace("ab", "\\ud83da");
    for field in ["target", "old_code"] {
        let mut broken = item("x");
        broken[field] = json!("HALF");
        let body = broken.to_string().replace("HALF", "\\udc00");
        let (status, answer) = server.ask("POST", "/score", body.as_bytes());
        let error = answer["error"].as_str().unwrap();
        assert!(
            status == 400 && error.starts_with(&format!("{field} has half a surrogate pair")),
            "{status} {error}"
        );
    }
    let body = format!("[{half}, {good}]");
    let (status, answer) = server.ask("POST", "/score", body.as_bytes());
    assert_eq!((status, &answer[1]["total"]), (200, &json!(3.0)));
    // It is one character.
    let whole = server.score(&item("x = '\u{fffd}a'")).1;
    assert_eq!(answer[0]["similarity"], whole["similarity"]);
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let server = Server::start(&["--max-body-mib", "1"]);
    let error = |(status, answer): (u16, Value), expected: u16, part: &str| {
        let text = answer["error"].as_str().unwrap();
        assert!(status == expected && text.contains(part), "{status} {text}");
    };
    error(
        server.ask("POST", "/score", b"{"),
        400,
        "the body is no request: EOF while parsing",
    );
    error(
        server.ask("POST", "/score", b"\xff\xfe{}"),
        400,
        "the body is no UTF-8: ",
    );
    error(
        server.score(&json!({"completion": "x"})),
        400,
        "missing field `target`",
    );
    error(
        server.score(&json!({"items": [item("x")], "rubric": {"weights": {"es": 1}}})),
        400,
        "unknown part of the reward `es`",
    );
    error(
        server.score(
            &json!({"items": [item("x")], "rubric": {"mode": "paper", "comparison": "tree"}}),
        ),
        422,
        "rubric: mode paper compares characters",
    );
    let lacks = json!({"items": [item("x"), {"completion": "", "target": ""}], "rubric": {"weights": {"edit_gain": 1}}});
    error(
        server.score(&lacks),
        422,
        "items[1]: old code is missing, from which edit_gain counts",
    );
    let not_python = json!({"items": [{"completion": "", "target": "", "old_code": ""}, {"completion": "", "target": "", "old_code": "print x"}], "rubric": {"weights": {"edit_gain": 1}}});
    error(
        server.score(&not_python),
        422,
        "items[1]: edit_gain counts from the old code, but the old code is not Python",
    );
    error(server.ask("GET", "/score", b""), 405, "use POST /score");
    error(
        server.ask("POST", "/scores", b"{}"),
        404,
        "no such path: use POST /score",
    );
    error(
        server.ask("POST", "/score", &vec![b' '; 64 << 20]),
        413,
        "the body has more than 1048576 bytes: send less at once, or raise --max-body-mib",
    );
    // Who asks first is told so before anything is sent.
    let mut stream = server.connect();
    let mut asking = head("POST", "/score", 1 << 30);
    let blank_line = asking.len() - 2;
    asking.splice(blank_line..blank_line, *b"Expect: 100-continue\r\n");
    stream.write_all(&asking).unwrap();
    assert_eq!(answer(stream).0, 413);
    // Not HTTP at all.
    for bytes in [&b"\0\0\0\0\r\n\r\n"[..], b"GET", &[b'A'; 1 << 17]] {
        let mut stream = server.connect();
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(server.ask("GET", "/health", b"").0, 200);
}

#[test]
fn a_mebibyte_on_either_side_is_answered() {
    let server = Server::start(&[]);
    let code = "x = 'ä'\n".repeat((1 << 20) / 9);
    let item = json!({
        "completion": format!("t</think><answer>\n```python\n{code}\n```\n</answer>"),
        "target": "y = 1\n".repeat((1 << 20) / 6),
        "old_code": code,
    });
    let begin = Instant::now();
    let (status, answer) = server.score(&item);
    assert_eq!((status, &answer["edit_gain"]), (200, &json!(-0.8)));
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn what_takes_too_long_is_ended() {
    let server = Server::start(&["--timeout", "1", "--max-body-mib", "64"]);
    // A body that does not come.
    let mut stream = server.connect();
    stream.write_all(&head("POST", "/score", 1000)).unwrap();
    let begin = Instant::now();
    let (status, fault) = answer(stream);
    assert_eq!(status, 408);
    assert!(
        fault["error"]
            .as_str()
            .unwrap()
            .contains("the body did not arrive within 1 seconds"),
        "{fault}"
    );
    // A head that does not come, and a connection that asks for nothing.
    for bytes in [&b"POST /score HTTP/1.1\r\nHost:"[..], b""] {
        let mut stream = server.connect();
        stream.write_all(bytes).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
    // More work than there is time for, and then a little.
    let code = |letter: &str| {
        (0..10_000)
            .map(|i| format!("{letter}{}\n", i * 7919 % 10_007))
            .collect::<String>()
    };
    let one = json!({"completion": format!("</think><answer>\n```python\n{}\n```\n</answer>", code("a")), "target": code("b")});
    assert_eq!(server.score(&json!(vec![one; 400])).0, 503);
    assert_eq!(server.score(&item("np.vstack(x)")).0, 200);
}

#[test]
fn a_stop_waits_for_the_requests_at_hand() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&[]);
        let body = item("np.vstack(x)").to_string();
        let mut stream = server.connect();
        stream
            .write_all(&head("POST", "/score", body.len()))
            .unwrap();
        stream.write_all(&body.as_bytes()[..20]).unwrap();
        // The service has seen the request before it is told to stop.
        assert_eq!(server.ask("GET", "/health", b"").0, 200);
        server.signal(signal);
        let mut said = String::new();
        let mut stderr = BufReader::new(server.child.stderr.take().unwrap());
        stderr.read_line(&mut said).unwrap();
        assert!(said.starts_with("stopping as soon as"), "{said}");
        assert!(
            TcpStream::connect(&server.address).is_err(),
            "nobody else is let in"
        );
        stream.write_all(&body.as_bytes()[20..]).unwrap();
        assert_eq!(answer(stream).0, 200);
        assert_eq!(server.child.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_client_that_does_not_read_is_given_up_on() {
    let mut server = Server::start(&["--timeout", "1"]);
    // An answer that no buffer between the two holds.
    let code = "x = 1\n".repeat(1 << 17);
    let body = json!({"completion": format!("</think><answer>\n```python\n{code}\n```\n</answer>"), "target": "y", "explain": true}).to_string();
    let mut deaf = server.connect();
    deaf.write_all(&head("POST", "/score", body.len())).unwrap();
    deaf.write_all(body.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    server.signal("TERM");
    let begin = Instant::now();
    server.child.wait().unwrap();
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
    let mut got = Vec::new();
    let _ = deaf.read_to_end(&mut got);
    assert!(
        !got.ends_with(b"}"),
        "the whole answer fits into the buffers: the test is none"
    );
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut server = Server::start(&[]);
    let mut stream = server.connect();
    stream.write_all(&head("POST", "/score", 1000)).unwrap();
    assert_eq!(server.ask("GET", "/health", b"").0, 200);
    server.signal("TERM");
    let mut stderr = BufReader::new(server.child.stderr.take().unwrap());
    stderr.read_line(&mut String::new()).unwrap();
    server.signal("TERM");
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("stopped with requests unanswered"), "{said}");
    assert_eq!(server.child.wait().unwrap().code(), Some(1));
}

#[test]
fn an_address_that_cannot_be_served_is_an_error() {
    let server = Server::start(&[]);
    let outcome = recode(&["score", "--serve", &server.address]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .contains(&format!("cannot serve on {}", server.address)),
        "{}",
        outcome.stderr
    );
    for (args, part) in [
        (
            &["score", "--serve", "localhost"][..],
            "--serve is localhost, but must be a port, as 8917, or an address",
        ),
        (&["score", "--serve", "70000"], "--serve is 70000"),
        (&["score", "--serve", "0", "x.jsonl"], "cannot be used with"),
        (&["score", "--timeout", "3", "x.jsonl"], "--serve"),
        (
            &["score", "--serve", "0", "--max-body-mib", "0"],
            "0 is not in 1..=1024",
        ),
        (&["score"], "<FILE|->"),
    ] {
        let outcome = recode(args);
        assert_eq!(outcome.code, Some(2), "{args:?} {}", outcome.stderr);
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
}
