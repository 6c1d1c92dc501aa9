//! `playground`: the page of `web/`, and the folders of runs that it shows, for browsers of this machine.
//!
//! | | |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /runs` | which runs there are, which files they have, how long these are |
//! | `GET /runs/NAME/FILE` | a file of a run, its checkpoints' adapters and a demo's policy among them, or, by `Range`, a part of it |
//!
//! Nothing is written, and nothing but the page and files that a run leaves behind is read: `runs` says which. It listens on the loopback
//! interface alone and answers nobody who came by another name (DNS rebinding), so that no other site sees what is served.

mod file_body;
mod page;
mod routes;
mod runs;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::report::remark;
use crate::serve::listen;

pub use page::Page;
pub use runs::Runs;

/// How long a browser may take to send a request or to read an answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What is served.
#[derive(Debug)]
pub struct Settings {
    /// 0 takes any that is free.
    pub port: u16,
    /// The page's files.
    pub page: Page,
    /// The folder of runs; `None` serves the page alone.
    pub runs: Option<PathBuf>,
    /// Whether the page looks at the runs again and again.
    pub follow: bool,
    /// Whether a browser is started.
    pub open: bool,
}

/// Serves until it is told to stop.
///
/// # Errors
/// The port is taken; a folder of runs that cannot be read.
pub fn serve(settings: Settings) -> Result<()> {
    let Settings {
        port,
        page,
        runs,
        follow,
        open,
    } = settings;
    let runs = runs.map(|folder| Runs::open(folder, follow)).transpose()?;
    let (first, about) = match &runs {
        Some(runs) => ("#/training", format!(" with {}", runs.in_words())),
        None => ("", String::new()),
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let served = listen::run(address, routes::router(page, runs), TIMEOUT, |address| {
        let page = format!("http://{address}/{first}");
        remark(&format!("the playground is at {page}{about}; Ctrl-C stops"));
        if open && let Err(error) = start_browser(&page) {
            remark(&format!(
                "no browser could be started ({error}): open the address yourself"
            ));
        }
    });
    served.map_err(|error| match error.downcast_ref::<std::io::Error>() {
        Some(cause) if cause.kind() == std::io::ErrorKind::AddrInUse => {
            error.context("the port is in use: choose another --port, or 0 for any that is free")
        }
        _ => error,
    })
}

/// Opens an address as the desktop does.
fn start_browser(address: &str) -> std::io::Result<()> {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let silent = std::process::Stdio::null;
    let mut command = std::process::Command::new(opener);
    command
        .arg(address)
        .stdin(silent())
        .stdout(silent())
        .stderr(silent());
    command.spawn().map(drop)
}
