//! The program as a person calls it: arguments in; standard output, standard error and an exit code out.

mod audit;
mod config;
mod demo;
#[cfg(feature = "gpu")]
mod devices;
mod generate;
mod logprobs;
mod merge;
mod migrate;
mod plan;
mod playground;
mod score;
mod serve;
#[path = "../tiny/mod.rs"]
mod tiny;
#[path = "../toy/mod.rs"]
mod toy;
mod train;
mod usage;
mod warm_up;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a call left behind.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_recode-trainer"))
}

/// Starts a command that serves, and waits for the address that it says it listens on.
fn listening(command: &mut Command) -> (Child, String) {
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    child.stderr = Some(stderr.into_inner());
    let address = line
        .split(['/', ' '])
        .find(|word| word.starts_with("127.0.0.1:"));
    let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
    (child, address)
}

fn recode(args: &[&str]) -> Outcome {
    recode_with(args, b"")
}

fn recode_with(args: &[&str], stdin: &[u8]) -> Outcome {
    let mut child = program()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut pipe = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program that ends without reading everything is what some tests are about.
            let _ = pipe.write_all(stdin);
        });
        child.wait_with_output().expect("the program ends")
    });
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("standard output is text"),
        stderr: String::from_utf8(output.stderr).expect("standard error is text"),
    }
}

/// Calls the program for a reader that has gone: exit code and standard error.
fn to_nobody(args: &[&str], stdin: &[u8]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = program()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // Little enough for the pipe to hold.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().expect("the program ends");
    let stderr = String::from_utf8(output.stderr).expect("standard error is text");
    (output.status.code(), stderr)
}

fn write(dir: &tempfile::TempDir, name: &str, text: impl AsRef<[u8]>) -> String {
    write_in(dir.path(), name, text)
}

fn write_in(dir: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    text_of(&path)
}

fn text_of(path: &Path) -> String {
    path.to_str()
        .expect("temporary folders have plain names")
        .to_owned()
}

/// A file of the shared data, which stands beside the checkout; `None`, said aloud, where it does not.
fn shared(name: &str) -> Option<String> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let path = std::env::var_os("RECODE_SHARED")
        .map_or_else(beside, PathBuf::from)
        .join(name);
    if !path.exists() {
        eprintln!(
            "skipped: there is no {}; RECODE_SHARED names the folder of the shared data",
            path.display()
        );
        return None;
    }
    Some(text_of(&path))
}
