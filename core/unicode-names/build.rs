//! Writes `names.txt` into the build folder: a name a line, in the order of code points, `@HEX` where the next one starts; aliases come last.
//!
//! The names are those of `unicode_names2` 2.0.0, of Unicode 16.0 as 1.3.0 is; aliases cannot be asked of it and stand in `src/aliases.txt`.

// Whether a name is computed is all that is asked here.
#[path = "src/computed.rs"]
mod computed;

use std::fmt::Write;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/aliases.txt");
    println!("cargo::rerun-if-changed=src/computed.rs");
    let named = ('\0'..=char::MAX).filter_map(|c| Some((c, original::name(c)?.to_string())));
    let named = named.filter(|(_, name)| computed::character(name).is_none());
    let aliases = include_str!("src/aliases.txt").lines().map(|line| {
        let (code, name) = line.split_once(' ').expect("a code point and a name");
        let code = u32::from_str_radix(code, 16).expect("hexadecimal digits");
        (char::from_u32(code).expect("a character"), name.to_owned())
    });
    let (mut text, mut following) = (String::new(), None);
    for (c, name) in named.chain(aliases) {
        if following != Some(u32::from(c)) {
            writeln!(text, "@{:X}", u32::from(c)).expect("a string takes everything");
        }
        writeln!(text, "{name}").expect("a string takes everything");
        following = Some(u32::from(c) + 1);
    }
    let out = std::env::var_os("OUT_DIR").expect("cargo says where");
    std::fs::write(Path::new(&out).join("names.txt"), text).expect("the build folder takes files");
}
