//! A small HTTP server: so many connections at a time, none that dawdles, and an orderly end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

use crate::report::remark;

/// Connections that are open at a time.
const MAX_CONNECTIONS: usize = 256;

/// Serves `router` until the process is told to stop; `ready` is told the address as soon as somebody can come. A connection that sends no
/// request, or reads no answer, for `timeout` is closed.
///
/// # Errors
/// The address is taken or may not be used; the process was told to stop twice.
pub(crate) fn run(
    address: SocketAddr,
    router: Router,
    timeout: Duration,
    ready: impl FnOnce(SocketAddr),
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads that serve")?;
    runtime.block_on(until_stopped(address, router, timeout, ready))
}

async fn until_stopped(
    address: SocketAddr,
    router: Router,
    timeout: Duration,
    ready: impl FnOnce(SocketAddr),
) -> Result<()> {
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
    ready(address);

    let service = TowerToHyperService::new(router);
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
