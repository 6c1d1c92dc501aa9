//! The playground: what an answer is worth and why, in the browser, without a server.
//!
//! What the pages know is plain data ([`score`], [`compare`], [`training`], [`live`]), tested natively; on wasm32 there are the pages themselves and the worker
//! that reads files. The module has an entry point for the page, `mount`, and one for each of its worker's tasks, so that it is downloaded once.
#![deny(missing_docs)]

pub mod compare;
pub mod csv;
#[cfg(target_arch = "wasm32")]
mod index_worker;
pub mod live;
#[cfg(target_arch = "wasm32")]
mod message;
pub mod odd_link;
pub mod page;
pub mod run;
pub mod score;
pub mod training;
#[cfg(target_arch = "wasm32")]
mod ui;
pub mod unique_name;
pub mod visible;
#[cfg(target_arch = "wasm32")]
mod worker;
