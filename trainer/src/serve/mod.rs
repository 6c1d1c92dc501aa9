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

mod request;
mod routes;

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use recode_core::reward::Rubric;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

use crate::cli::Usage;
use crate::report::remark;

/// The port where none is named.
const PORT: u16 = 8917;

/// Connections that are open at a time.
const MAX_CONNECTIONS: usize = 256;

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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads that serve")?;
    runtime.block_on(serve_until_stopped(address, settings))
}

async fn serve_until_stopped(address: SocketAddr, settings: Settings) -> Result<()> {
    // From here on no signal ends the process by itself.
    let mut signals = [
        signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?,
        signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
    ];
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot serve on {address}"))?;
    let address = listener
        .local_addr()
        .context("cannot tell the address that is served")?;
    remark(&format!(
        "serving on http://{address} (POST /score, GET /health, GET /openapi.json); Ctrl-C stops"
    ));
    if !address.ip().is_loopback() {
        remark(&format!(
            "attention  {address} can be reached from other machines, by anyone, unencrypted: put a proxy in front of it where that matters"
        ));
    }

    let timeout = settings.timeout;
    let service = TowerToHyperService::new(routes::router(Arc::new(settings)));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(timeout);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accept = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            (place, accepted) = accept => match accepted {
                Ok((stream, _)) => (place, stream),
                // Out of file descriptors, or gone before it was greeted: neither ends the others.
                Err(error) => {
                    remark(&format!("a connection was refused: {error}"));
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = first_of(&mut signals) => break,
        };
        // An answer is small and waited for: it is not held back for company.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(timeout));
        let connection =
            graceful.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service.clone()));
        // A connection that breaks off concerns its other end alone.
        tokio::spawn(async move {
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    remark("stopping as soon as the requests at hand are answered; once more stops at once");
    tokio::select! {
        () = graceful.shutdown() => Ok(()),
        // A client that takes this long has been given up on already.
        () = tokio::time::sleep(2 * timeout) => anyhow::bail!("stopped with requests unanswered"),
        () = first_of(&mut signals) => anyhow::bail!("stopped with requests unanswered"),
    }
}

async fn first_of([interrupt, terminate]: &mut [Signal; 2]) {
    let (interrupt, terminate) = (pin!(interrupt.recv()), pin!(terminate.recv()));
    tokio::select! {
        _ = interrupt => {}
        _ = terminate => {}
    }
}
