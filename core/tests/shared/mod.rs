//! The shared development data, where it is at hand; it is not part of the project.

use std::path::PathBuf;

/// The text of `data/{name}` in the folder named by `RECODE_SHARED`, else in `../shared` beside the checkout.
///
/// # Panics
/// Where `RECODE_SHARED` is set and the file is not there: who names the folder wants its tests to run.
pub fn read(name: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let named = std::env::var_os("RECODE_SHARED").map(PathBuf::from);
    let shared = named.clone().unwrap_or_else(|| PathBuf::from(beside));
    let path = shared.join("data").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if named.is_some() => panic!("RECODE_SHARED: {}: {error}", path.display()),
        Err(_) => {
            eprintln!(
                "{} is not there (set RECODE_SHARED): going on without it",
                path.display()
            );
            None
        }
    }
}
