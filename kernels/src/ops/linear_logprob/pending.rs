//! Log-probabilities that a GPU may still be at work on.

use super::Logprobs;
use crate::Result;
#[cfg(feature = "gpu")]
use crate::{error::Error, gpu::Buffer};

/// What [`launch_linear_logprob`](super::launch_linear_logprob) will have found.
#[derive(Debug)]
#[must_use = "it is there once it is read"]
pub struct PendingLogprobs(pub(super) Found);

#[derive(Debug)]
pub(super) enum Found {
    /// The processor computes at once.
    Here(Logprobs),
    /// [log p, entropy, log-sum-exp] of each request.
    #[cfg(feature = "gpu")]
    OnGpu(Buffer),
}

impl PendingLogprobs {
    /// What was found, waiting for a GPU once.
    ///
    /// # Errors
    /// [`Error::Argument`] for those of several GPUs; what a GPU fails at: [`Error::DeviceLost`], [`Error::GpuMemory`], [`Error::Gpu`].
    pub async fn read_all(pending: Vec<Self>) -> Result<Vec<Logprobs>> {
        #[cfg(feature = "gpu")]
        let mut read = {
            let buffers: Vec<&Buffer> = pending.iter().filter_map(Self::buffer).collect();
            let is_of_first =
                |buffer: &&Buffer| std::sync::Arc::ptr_eq(buffer.gpu(), buffers[0].gpu());
            if !buffers.iter().all(is_of_first) {
                return Err(Error::Argument {
                    op: "PendingLogprobs::read_all",
                    what: "pending",
                    reason: "are of several GPUs: read those of each by themselves".to_owned(),
                });
            }
            Buffer::read_all_f32(&buffers).await?.into_iter()
        };
        let found = pending.into_iter().map(|Self(found)| match found {
            Found::Here(found) => found,
            #[cfg(feature = "gpu")]
            Found::OnGpu(_) => of_requests(&read.next().expect("a list a buffer")),
        });
        Ok(found.collect())
    }

    #[cfg(feature = "gpu")]
    fn buffer(&self) -> Option<&Buffer> {
        match &self.0 {
            Found::Here(_) => None,
            Found::OnGpu(buffer) => Some(buffer),
        }
    }
}

#[cfg(feature = "gpu")]
fn of_requests(found: &[f32]) -> Logprobs {
    let column = |i: usize| found.iter().skip(i).step_by(3).copied().collect();
    Logprobs {
        logprobs: column(0),
        entropy: column(1),
        log_sum_exp: column(2),
    }
}
