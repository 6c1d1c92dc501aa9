//! `score --serve`: the reward as a small HTTP service, for graders in other processes and on other machines.
//!
//! | | |
//! |---|---|
//! | `POST /score` | one completion, or a batch of them; JSON in, JSON out |
//! | `GET /health` | whether it serves, by which rules |
//! | `GET /openapi.json` | this, for machines |
//!
//! It keeps nothing from one request to the next, writes no log, and needs no network of its own. A request has a limit in bytes, in
//! completions and in seconds, so has a connection that sends no request or reads no answer; as many requests are worked on at a time as
//! there are cores, and at most 256 connections are open: the others wait. Bodies so take up to 256 times `--max-body-mib` of memory, where
//! that many clients send as much at once. The first Ctrl-C or SIGTERM lets the requests at hand finish, the second does not.

pub(crate) mod listen;
mod request;
mod routes;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use recode_core::reward::Rubric;

use crate::cli::Usage;
use crate::report::remark;

/// The port where none is named.
const PORT: u16 = 8917;

/// What the service is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The rules of requests that bring none.
    pub rubric: Rubric,
    /// The longest body of a request.
    pub max_body_bytes: usize,
    /// The longest time from the head of a request to its answer, looked at between completions; also how long a connection may stay
    /// without a request, or with an answer unread.
    pub timeout: Duration,
}

/// `PORT`, `HOST:PORT`, or nothing: 127.0.0.1 and 8917 stand in for what is missing.
///
/// # Errors
/// Wrong usage: neither a port nor an address.
pub fn address(text: &str) -> Result<SocketAddr> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match (text, text.parse::<u16>(), text.parse::<SocketAddr>()) {
        ("", _, _) => Ok(local(PORT)),
        (_, Ok(port), _) => Ok(local(port)),
        (_, _, Ok(address)) => Ok(address),
        _ => Err(Usage::error(format_args!(
            "--serve is {text}, but must be a port, as 8917, or an address with its port, as 127.0.0.1:8917 or [::1]:8917"
        ))),
    }
}

/// Serves until it is told to stop.
///
/// # Errors
/// The address is taken or may not be used.
pub fn serve(address: SocketAddr, settings: Settings) -> Result<()> {
    let timeout = settings.timeout;
    let router = routes::router(Arc::new(settings));
    listen::run(address, router, timeout, |address| {
        remark(&format!(
            "serving on http://{address} (POST /score, GET /health, GET /openapi.json); Ctrl-C stops"
        ));
        if !address.ip().is_loopback() {
            remark(&format!(
                "attention  {address} can be reached from other machines, by anyone, unencrypted: put a proxy in front of it where that matters"
            ));
        }
    })
}
