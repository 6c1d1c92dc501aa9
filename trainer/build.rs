//! Puts the playground's page into the program, where web/build has made it.
//!
//! Of every file its gzipped copy is taken, which all browsers read, and index.html as it is: the server writes into it.

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
    let mut names: Vec<String> = match fs::read_dir(&dist) {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect(),
        Err(_) => Vec::new(),
    };
    names.sort();
    for name in &names {
        let (address, zipped) = match name.strip_suffix(".gz") {
            Some("index.html") => continue,
            Some(address) => (address, true),
            None if name == "index.html" => (&**name, false),
            None => continue,
        };
        let path = dist.join(name);
        write!(
            list,
            "Asset {{ name: {address:?}, zipped: {zipped}, bytes: Cow::Borrowed(include_bytes!({path:?})) }},"
        )?;
    }
    list.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("page.rs"), list)?;
    Ok(())
}
