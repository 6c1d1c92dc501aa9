//! What an answer is worth and how the policy should move: the reward and the GRPO mathematics of ReCode (arXiv 2506.20495).
//!
//! ````
//! use recode_core::reward::{Reference, Rubric};
//!
//! let (old, new) = ("np.row_stack(rows)", "np.vstack(rows)");
//! let reference = Reference::new(Rubric::edit_gain(), new, Some(old));
//! let answer = |code: &str| format!("It is gone.</think>\n<answer>\n```python\n{code}\n```\n</answer>");
//!
//! assert_eq!(reference.score(&answer(new), None).total, Some(1.0 + 2.0)); // format + edit gain
//! assert_eq!(reference.score(&answer(old), None).total, Some(1.0 - 0.8)); // copying does not pay
//! assert_eq!(reference.score(&answer("np.vstack("), None).total, Some(1.0 - 2.0)); // not Python
//! ````
//!
//! [`reward`] scores a completion by a rubric, [`explain`](mod@explain) says why it is worth that, [`audit`](mod@audit) what is wrong with a
//! data set, [`policy`] how rewards move the policy.
//!
//! No I/O, no threads, no clock, no unsafe code; native and wasm32.
// What wasm-bindgen makes of the exports for JavaScript is unsafe code; nothing else may be.
#![cfg_attr(not(feature = "js"), forbid(unsafe_code))]
#![deny(unsafe_code)]
#![deny(missing_docs)]

pub mod answer;
pub mod audit;
pub mod explain;
mod find;
#[cfg(feature = "js")]
#[allow(unsafe_code, reason = "wasm-bindgen writes it")]
mod js;
pub mod metrics;
pub mod migration;
pub mod policy;
pub mod python;
pub mod reward;
pub mod similarity;
pub mod visible;
