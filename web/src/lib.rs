//! The playground: what an answer is worth and why, in the browser, without a server.
//!
//! What the pages know is plain data ([`score`], [`compare`]), tested natively; on wasm32 there are the pages themselves and the worker that reads files.
//! The module has two entry points, `mount` for the page and `serve_worker` for its worker, so that it is downloaded once.
#![deny(missing_docs)]

pub mod compare;
pub mod page;
pub mod run;
pub mod score;
#[cfg(target_arch = "wasm32")]
mod ui;
pub mod visible;
#[cfg(target_arch = "wasm32")]
mod worker;
