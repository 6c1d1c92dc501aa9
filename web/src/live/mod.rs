//! The page "Try it" as plain data: checkpoints among opened files, the question that they are asked, and how they are to answer it.

mod folder;
mod question;
mod sampling;

pub use folder::{Found, Part, find};
pub use question::{FIRST, Question, rows};
pub use sampling::{Sampling, Unfit};
