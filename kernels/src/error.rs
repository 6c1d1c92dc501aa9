//! What can be wrong with a kernel's input: one enum, each variant with the place, what was expected and what came.

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an op, a decoder or a file of weights was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operand has another shape than the op's equation asks for.
    #[error("{op}: {what} has shape {got:?}, expected {expected:?}")]
    Shape {
        /// The op that was called.
        op: &'static str,
        /// The operand, by its parameter name.
        what: &'static str,
        /// The shape the other operands ask for.
        expected: Vec<usize>,
        /// The shape it has.
        got: Vec<usize>,
    },
    /// An index (token id, row, position) lies outside what it indexes.
    #[error("{op}: {what} is {index}, but must be below {limit}")]
    Index {
        /// The op that was called.
        op: &'static str,
        /// What the index is, with its place where there are many: `ids[3]`.
        what: String,
        /// The index.
        index: usize,
        /// The first index that is too large.
        limit: usize,
    },
    /// An argument has a value the op does not define.
    #[error("{op}: {what} {reason}")]
    Argument {
        /// The op that was called.
        op: &'static str,
        /// The argument, by its parameter name.
        what: &'static str,
        /// What is wrong with it, with the value.
        reason: String,
    },
    /// There is no such GPU, or it cannot be used.
    #[error("no GPU: {reason}")]
    NoGpu {
        /// Why, and what would help.
        reason: String,
    },
    /// A launch on the GPU failed; what it should have written is not there.
    #[error("{op}: the GPU failed: {reason}")]
    Gpu {
        /// The op that noticed.
        op: &'static str,
        /// What the driver or the compiler of kernels says.
        reason: String,
    },
    /// The GPU has no memory left for a buffer.
    #[error(
        "the GPU has no memory left, with {} MiB in use by this program: take fewer or shorter sequences at once (`recode-trainer plan` says how \
         much a run takes), a smaller model, or the CPU ({reason})", in_use >> 20
    )]
    GpuMemory {
        /// Bytes of all buffers that there were when it was refused; the refused one may be among them.
        in_use: u64,
        /// What the driver says.
        reason: String,
    },
    /// The GPU is gone, and all that was in its memory.
    #[error(
        "the GPU was lost, and all that was in its memory (a run goes on from its last checkpoint with --resume): {reason}"
    )]
    DeviceLost {
        /// What the driver says.
        reason: String,
    },
    /// A model or adapter configuration asks for something that does not exist here or contradicts itself.
    #[error("config field {field:?}: {reason}")]
    Config {
        /// The field, by its name in the JSON file.
        field: String,
        /// What is wrong with it, with the value.
        reason: String,
    },
    /// A tensor of a weights file is not the one that the configuration asks for: missing, superfluous, of another shape or type. The
    /// file may be sound and of another model.
    #[error("tensor {tensor:?}: {reason}")]
    Misfit {
        /// The tensor, by its name in the file.
        tensor: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// A tensor of a weights file cannot be used as it is: it is damaged, or the file contradicts itself.
    #[error("tensor {tensor:?}: {reason}{}", of_file(*file))]
    Weights {
        /// The tensor, by its name in the file.
        tensor: String,
        /// The file it stands in, as an index of the files that were given, where only that file can say it.
        file: Option<usize>,
        /// What is wrong with it.
        reason: String,
    },
    /// A weights file as a whole cannot be read or written.
    #[error("safetensors file {}: {reason}", file + 1)]
    WeightsFile {
        /// The file, as an index of those that were given.
        file: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// ` (safetensors file 2)` for the file of index 1.
fn of_file(file: Option<usize>) -> String {
    file.map_or(String::new(), |file| {
        format!(" (safetensors file {})", file + 1)
    })
}

impl Error {
    /// `Ok` if `got` is `expected`, otherwise the shape error that says so.
    ///
    /// # Errors
    /// [`Error::Shape`] where the two differ.
    pub fn check_shape(
        op: &'static str,
        what: &'static str,
        expected: &[usize],
        got: &[usize],
    ) -> Result<()> {
        if expected == got {
            return Ok(());
        }
        Err(Error::Shape {
            op,
            what,
            expected: expected.to_vec(),
            got: got.to_vec(),
        })
    }

    /// `Ok` if `index < limit`, otherwise the index error that says so; `what` is only formatted when it is needed.
    ///
    /// # Errors
    /// [`Error::Index`] where `index >= limit`.
    pub fn check_index(
        op: &'static str,
        what: impl FnOnce() -> String,
        index: usize,
        limit: usize,
    ) -> Result<()> {
        if index < limit {
            return Ok(());
        }
        Err(Error::Index {
            op,
            what: what(),
            index,
            limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_error_names_op_operand_and_both_shapes() {
        let error = Error::check_shape("linear", "x", &[7, 60], &[7, 61]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "linear: x has shape [7, 61], expected [7, 60]"
        );
    }

    #[test]
    fn a_files_index_is_counted_from_one_for_people() {
        let reason = || "is damaged".to_string();
        let tensor = |file| Error::Weights {
            tensor: "a".to_string(),
            file,
            reason: reason(),
        };
        for (error, expected) in [
            (tensor(None), "tensor \"a\": is damaged"),
            (
                tensor(Some(1)),
                "tensor \"a\": is damaged (safetensors file 2)",
            ),
            (
                Error::WeightsFile {
                    file: 0,
                    reason: reason(),
                },
                "safetensors file 1: is damaged",
            ),
        ] {
            assert_eq!(error.to_string(), expected);
        }
    }
}
