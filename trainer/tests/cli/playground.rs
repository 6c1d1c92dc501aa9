//! The playground's server, asked in plain sockets.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};

use super::{listening, program, recode};

/// A server on a port of its own; ended with the test.
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(page: &Path, runs: &Path) -> Self {
        let (child, address) = listening(
            program()
                .args(["playground", "--port", "0", "--page"])
                .arg(page)
                .arg("--follow")
                .arg(runs),
        );
        Self { child, address }
    }

    /// The status, the head and the body of an answer.
    fn ask(&self, request: &str, headers: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = match headers.contains("Host:") {
            true => "",
            false => "Host: localhost:1\r\n",
        };
        write!(
            stream,
            "{request} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

const PAGE: [(&str, &str); 6] = [
    (
        "index.html",
        "<meta name=\"recode-runs\" content=\"\"><script src=main.js></script>",
    ),
    ("main.js", "start()"),
    ("demo/config.json", "{}"),
    ("demo/model.safetensors", "weights"),
    (".settings/own.json", "secret"),
    ("notes.txt", "secret"),
];

#[test]
fn the_page_and_the_runs_are_served_and_nothing_else() {
    let page = folder(&PAGE);
    let runs = folder(&[
        ("runs/a/metrics.jsonl", "{\"step\":1}\n"),
        ("secret.jsonl", "secret"),
        ("runs/a/.lock", "secret"),
    ]);
    #[cfg(unix)]
    std::os::unix::fs::symlink(page.path(), page.path().join("demo/again")).unwrap();
    let server = Server::start(page.path(), &runs.path().join("runs"));
    let (status, head, body) = server.ask("GET /", "");
    assert_eq!(status, 200);
    assert!(body.contains("content=\"runs\""), "{body}");
    assert!(head.contains("content-type: text/html"), "{head}");
    assert!(
        head.contains("content-security-policy: default-src 'none'"),
        "{head}"
    );
    assert!(head.contains("x-content-type-options: nosniff"), "{head}");
    let (status, head, body) = server.ask("GET /main.js", "");
    assert_eq!((status, &*body), (200, "start()"));
    assert!(head.contains("content-type: text/javascript"), "{head}");
    let (status, head, body) = server.ask("GET /demo/model.safetensors", "");
    assert_eq!((status, &*body), (200, "weights"));
    assert!(head.contains("content-length: 7"), "{head}");
    let (_, _, listing) = server.ask("GET /runs", "");
    let listing: serde_json::Value = serde_json::from_str(&listing).unwrap();
    assert_eq!(
        (&listing["follow"], &listing["runs"][0]["name"]),
        (&true.into(), &"a".into())
    );
    assert_eq!(listing["runs"][0]["files"][0]["bytes"], 11);
    for path in [
        "/notes.txt",
        "/.settings/own.json",
        "/demo/again/main.js",
        "/demo",
        "/runs/a/.lock",
        "/runs/a/..%2f..%2fsecret.jsonl",
        "/runs/a/../../secret.jsonl",
        "/runs/..%2f/secret.jsonl",
        "/runs/a/eval/..%2f..%2f..%2fsecret.jsonl",
        "/runs/b/metrics.jsonl",
        "/%2e%2e/Cargo.toml",
        "//etc/passwd",
    ] {
        let (status, _, body) = server.ask(&format!("GET {path}"), "");
        assert_eq!(status, 404, "{path}");
        assert!(!body.contains("secret"), "{path}");
    }
    assert_eq!(server.ask("POST /runs", "").0, 405);
    // A page of another site that has its name lead here.
    assert_eq!(
        server.ask("GET /runs", "Host: evil.example:8918\r\n").0,
        403
    );
}

#[test]
fn a_file_is_read_on_from_where_it_ended() {
    let page = folder(&PAGE);
    let runs = folder(&[("a/metrics.jsonl", "0123456789")]);
    let server = Server::start(page.path(), runs.path());
    // Longer than what is read at once.
    let weights = "0123456789".repeat(100_000);
    let folder = runs.path().join("a/checkpoints/step-000001");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("adapter_model.safetensors"), &weights).unwrap();
    let ask = |headers: &str| {
        server.ask(
            "GET /runs/a/checkpoints/step-000001/adapter_model.safetensors",
            headers,
        )
    };
    let (status, head, body) = ask("");
    assert_eq!((status, body == weights), (200, true));
    assert!(head.contains("content-length: 1000000"), "{head}");
    let (status, head, body) = ask("Range: bytes=500001-\r\n");
    assert_eq!((status, body == weights[500_001..]), (206, true));
    assert!(
        head.contains("content-range: bytes 500001-999999/1000000"),
        "{head}"
    );
    let part = |range: &str| {
        server.ask(
            "GET /runs/a/metrics.jsonl",
            &format!("Range: bytes={range}\r\n"),
        )
    };
    let (status, head, body) = part("3-6");
    assert_eq!((status, &*body), (206, "3456"));
    assert!(head.contains("content-range: bytes 3-6/10"), "{head}");
    assert_eq!(part("10-").0, 416);
    let path = runs.path().join("a/metrics.jsonl");
    fs::OpenOptions::new()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(b"abc")
        .unwrap();
    let (status, _, body) = part("10-");
    assert_eq!((status, &*body), (206, "abc"));
    assert_eq!(part("x").0, 400);
}

#[test]
fn it_ends_when_it_is_told_to() {
    let (page, runs) = (folder(&PAGE), folder(&[]));
    let mut server = Server::start(page.path(), runs.path());
    let id = server.child.id().to_string();
    let killed = Command::new("kill").args(["-s", "INT", &id]).status();
    assert!(killed.unwrap().success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_served_is_said_with_the_way_out() {
    let page = folder(&PAGE);
    let page = page.path().to_str().unwrap();
    let outcome = recode(&["playground", "--page", page, "--follow", "/nowhere"]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("/nowhere is no folder: --follow"),
        "{}",
        outcome.stderr
    );
    let empty = folder(&[]);
    let outcome = recode(&["playground", "--page", empty.path().to_str().unwrap()]);
    assert!(
        outcome.stderr.contains("has no index.html: run web/build"),
        "{}",
        outcome.stderr
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let outcome = recode(&["playground", "--page", page, "--port", &port]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains(&format!("127.0.0.1:{port}"))
            && outcome.stderr.contains("another --port"),
        "{}",
        outcome.stderr
    );
}
