//! The shared development data, where it is at hand; it is not part of the project.

use std::path::PathBuf;

/// The text of `data/{name}` in the folder named by `RECODE_SHARED`, else in `../shared` beside the checkout.
pub fn read(name: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let shared = std::env::var_os("RECODE_SHARED").map_or(PathBuf::from(beside), PathBuf::from);
    let path = shared.join("data").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(_) => {
            eprintln!(
                "{} is not there (set RECODE_SHARED): going on without it",
                path.display()
            );
            None
        }
    }
}
