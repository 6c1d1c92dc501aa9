//! `recode-trainer playground`: the page in a browser, with the runs of a folder.

use std::path::{Path, PathBuf};

use crate::playground::{Page, Settings, serve};

/// The folder that is served where none is named, if it is there.
const RUNS: &str = "runs";

/// Show migrations, rewards and runs in a browser
///
/// Serves the page of web/ and, read-only, the files of runs: to browsers of this machine alone, on 127.0.0.1. Ctrl-C stops.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder of runs, or a single run, which the page Training reads on while training goes on [without it: runs/, where it is there, read once]
    #[arg(long, value_name = "DIR")]
    follow: Option<PathBuf>,
    /// The port; 0 takes one that is free
    #[arg(long, default_value_t = 8918)]
    port: u16,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
    /// A page made by web/build, in place of the one that was built into the program
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let page = match &args.page {
        Some(folder) => Page::of_folder(folder)?,
        None => Page::built_in()?,
    };
    let follow = args.follow.is_some();
    let there = Path::new(RUNS).is_dir().then(|| RUNS.into());
    serve(Settings {
        port: args.port,
        page,
        runs: args.follow.or(there),
        follow,
        open: args.open,
    })
}
