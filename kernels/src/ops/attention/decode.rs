//! One new token a sequence against cached keys and values.

use super::{Sizes, check_heads, cpu};
use crate::device::Device;
use crate::profile::{self, Work};
use crate::{Error, Result, Tensor};

/// Cached keys and values of one layer: rows of K·D numbers, token after token, exactly as [`super::attention`] takes
/// them, so that a cache grows by appending rows.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyValues<'a> {
    /// Keys, rotated, [T, K·D].
    pub k: &'a [f32],
    /// Values, [T, K·D].
    pub v: &'a [f32],
}

/// What a row of queries sees.
#[derive(Debug, Clone, Copy)]
pub struct DecodeRow<'a> {
    /// Index of its prompt among the prompts; several rows may name one.
    pub prompt: usize,
    /// Its own tokens behind the prompt, the new one included.
    pub own: KeyValues<'a>,
}

/// `out[m]` is the attention of the queries of row m over its prompt and its own tokens, as [`super::attention`] has it
/// for the last token of a segment with the prompt as prefix.
///
/// A row's result has the same bits whatever the other rows are, and for any number of threads. Rows that name the same
/// prompt share its reading.
///
/// # Shapes
/// `q`, `out` [M, H·D], one of `rows` per row.
///
/// # Errors
/// [`Error::Shape`], [`Error::Argument`] and [`Error::Index`] where sizes do not fit each other, H is not a multiple of K,
/// a prompt does not exist or a row sees no token.
pub fn attention_decode(
    q: &Tensor,
    prompts: &[KeyValues<'_>],
    rows: &[DecodeRow<'_>],
    heads: usize,
    kv_heads: usize,
    out: &mut Tensor,
) -> Result<()> {
    const OP: &str = "attention_decode";
    let sizes = check_heads(OP, q.cols(), heads, kv_heads)?;
    Error::check_shape(OP, "rows", &[q.rows()], &[rows.len()])?;
    Error::check_shape(OP, "out", &q.shape(), &out.shape())?;
    for prompt in prompts {
        check_keys(sizes, "prompts", prompt)?;
    }
    for (m, row) in rows.iter().enumerate() {
        Error::check_index(
            OP,
            || format!("rows[{m}].prompt"),
            row.prompt,
            prompts.len(),
        )?;
        check_keys(sizes, "rows.own", &row.own)?;
        if row.own.k.is_empty() && prompts[row.prompt].k.is_empty() {
            return Err(Error::Argument {
                op: OP,
                what: "rows",
                reason: format!("has no token to see in row {m}"),
            });
        }
    }
    let _op = profile::op(OP, &Device::Cpu, || {
        let own: usize = rows
            .iter()
            .map(|row| row.own.k.len() + prompts[row.prompt].k.len())
            .sum();
        let read: usize = rows.iter().map(|row| row.own.k.len()).sum::<usize>()
            + prompts.iter().map(|prompt| prompt.k.len()).sum::<usize>();
        let each = sizes.q_cols() / sizes.kv_cols();
        Work::new(4 * each * own, 8 * read as u64)
    });
    cpu::decode(sizes, q, prompts, rows, out);
    Ok(())
}

fn check_keys(sizes: Sizes, what: &'static str, keys: &KeyValues<'_>) -> Result<()> {
    let cols = sizes.kv_cols();
    let whole = [keys.k.len() / cols, cols];
    Error::check_shape(
        "attention_decode",
        what,
        &[whole[0] * cols, whole[0] * cols],
        &[keys.k.len(), keys.v.len()],
    )
}
