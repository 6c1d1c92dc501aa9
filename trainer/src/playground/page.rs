//! The page's files: those that were built into the program, or those of a folder.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, bail};
use axum::body::Bytes;

/// A file of the page.
#[derive(Debug, Clone)]
pub struct Asset {
    name: &'static str,
    zipped: bool,
    bytes: &'static [u8],
}

/// What build.rs found.
const BUILT_IN: &[Asset] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The page.
#[derive(Debug)]
pub struct Page {
    files: Vec<File>,
}

/// Its name, whether it is gzipped, its bytes.
type File = (String, bool, Bytes);

impl Page {
    /// The page that was there when the program was built.
    ///
    /// # Errors
    /// There was none.
    pub fn built_in() -> Result<Self> {
        if BUILT_IN.is_empty() {
            bail!(
                "this program was built without the page: run web/build and build it again, or name a page with --page web/dist"
            );
        }
        let files = BUILT_IN.iter().map(|asset| {
            (
                asset.name.to_owned(),
                asset.zipped,
                Bytes::from_static(asset.bytes),
            )
        });
        Ok(Self {
            files: files.collect(),
        })
    }

    /// The page in a folder, which web/build makes.
    ///
    /// # Errors
    /// A folder that cannot be read, or has no index.html.
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let mut files = Vec::new();
        read_below(folder, "", &mut files)
            .with_context(|| format!("cannot read the page in {}", folder.display()))?;
        match files.iter().any(|(name, ..)| name == "index.html") {
            true => Ok(Self { files }),
            false => bail!(
                "{} has no index.html: run web/build, which makes web/dist",
                folder.display()
            ),
        }
    }

    /// A file: its type, whether it is gzipped, its bytes.
    pub(super) fn file(&self, name: &str) -> Option<(&'static str, bool, &Bytes)> {
        let (name, zipped, bytes) = self.files.iter().find(|(own, ..)| own == name)?;
        Some((kind(name)?, *zipped, bytes))
    }

    /// index.html, which says where the runs are.
    pub(super) fn index(&self, runs: bool) -> Option<String> {
        let (.., bytes) = self.file("index.html")?;
        let text = String::from_utf8_lossy(bytes);
        let place = "<meta name=\"recode-runs\" content=\"";
        Some(match runs {
            true => text.replace(place, &format!("{place}runs")),
            false => text.into_owned(),
        })
    }
}

/// Adds the files of a folder and of those in it that a page has, by their paths below it. Hidden ones and links are none of the page's.
fn read_below(folder: &Path, prefix: &str, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let name = format!("{prefix}{name}");
        let of = entry.file_type()?;
        if of.is_dir() {
            read_below(&path, &format!("{name}/"), files)?;
        } else if of.is_file() && kind(&name).is_some() {
            files.push((name, false, Bytes::from(fs::read(path)?)));
        }
    }
    Ok(())
}

/// The content type of a file of the page; others are none of its files.
fn kind(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('.')?;
    Some(match end {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "jsonl" => "application/jsonl",
        "json" => "application/json",
        "safetensors" => "application/octet-stream",
        _ => return None,
    })
}
