//! Puts the playground's page into the program, where web/build has made it.
//!
//! Of every file its gzipped copy is taken, which all browsers read; what has none is taken as it is, and so is index.html: the server writes into it.

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../web/dist");
    // The folder is always there (it has a .gitignore), so that a build without the page is not begun again each time.
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut list = String::from("&[");
    let mut names = Vec::new();
    if dist.is_dir() {
        files_below(&dist, "", &mut names)?;
    }
    names.sort();
    for name in &names {
        let zipped = format!("{name}.gz");
        let (file, zipped) = match name {
            _ if name.ends_with(".gz") || name.ends_with(".br") => continue,
            name if name != "index.html" && names.contains(&zipped) => (&zipped, true),
            name => (name, false),
        };
        let path = dist.join(file);
        write!(
            list,
            "Asset {{ name: {name:?}, zipped: {zipped}, bytes: include_bytes!({path:?}) }},"
        )?;
    }
    list.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("page.rs"), list)?;
    Ok(())
}

/// The files of a folder and of those in it, by their paths below it; hidden ones and links are left out.
fn files_below(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        let of = entry.file_type()?;
        if of.is_dir() {
            files_below(&entry.path(), &format!("{path}/"), names)?;
        } else if of.is_file() {
            names.push(path);
        }
    }
    Ok(())
}
