//! `recode-bindgen INPUT.wasm OUT_DIR NAME`: writes NAME.js and NAME_bg.wasm, what wasm-bindgen makes of a compiled crate for the web.
//!
//! It is wasm-bindgen's own command line at its smallest, so that a build needs nothing but cargo, and of the version that the crate was
//! compiled with, as both stand in one lock file.

use anyhow::{Context, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, out_dir, name] = &arguments[..] else {
        bail!(
            "expected INPUT.wasm OUT_DIR NAME, got {} arguments",
            arguments.len()
        );
    };
    Bindgen::new()
        .web(true)?
        .reset_state_function(true)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .input_path(input)
        .out_name(name)
        .generate(out_dir)
        .with_context(|| format!("cannot make {name} of {input}"))
}
