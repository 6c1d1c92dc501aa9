//! Log-probabilities that a GPU may still be at work on.

use super::Logprobs;
use crate::Result;
#[cfg(feature = "gpu")]
use crate::gpu::Buffer;

/// What [`launch_linear_logprob`](super::launch_linear_logprob) will have found.
#[derive(Debug)]
pub enum PendingLogprobs {
    /// The processor computes at once.
    Here(Logprobs),
    /// Log p, entropy and log-sum-exp of each request.
    #[cfg(feature = "gpu")]
    OnGpu(Buffer),
}

impl PendingLogprobs {
    /// What was found, of one device, waiting for it once.
    ///
    /// # Errors
    /// Those of a GPU: [`Error::DeviceLost`](crate::Error::DeviceLost), [`Error::GpuMemory`](crate::Error::GpuMemory),
    /// [`Error::Gpu`](crate::Error::Gpu).
    pub async fn read_all(pending: Vec<Self>) -> Result<Vec<Logprobs>> {
        #[cfg(feature = "gpu")]
        let mut read = {
            let buffers: Vec<&Buffer> = pending.iter().filter_map(Self::buffer).collect();
            Buffer::read_all_f32(&buffers).await?.into_iter()
        };
        let found = pending.into_iter().map(|pending| match pending {
            Self::Here(found) => found,
            #[cfg(feature = "gpu")]
            Self::OnGpu(_) => of_requests(&read.next().expect("a list a buffer")),
        });
        Ok(found.collect())
    }

    #[cfg(feature = "gpu")]
    fn buffer(&self) -> Option<&Buffer> {
        match self {
            Self::Here(_) => None,
            Self::OnGpu(buffer) => Some(buffer),
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
