//! AdamW over named tensors, with clipping by the global norm; moments can be saved and read back to the bit.
//!
//! Knows neither model nor adapter: parameters and gradients come as named slices or tensors in one fixed order, so the adapter's training and
//! a training of all weights share it. Sources: torch's `AdamW` (the arithmetic is the kernel's), `torch.nn.utils.clip_grad_norm_`.

use anyhow::{Context, bail, ensure};
use pollster::block_on;
use recode_kernels::ops::adamw::{AdamW, CLIP_EPSILON, adamw};
#[cfg(feature = "gpu")]
use recode_kernels::ops::adamw::{Tensors, clipped_adamw};
use recode_kernels::{Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::config::OptimizerConfig;

const MEAN: &str = ".exp_avg";
const SQUARE: &str = ".exp_avg_sq";

/// AdamW's state.
#[derive(Debug, PartialEq)]
pub struct Optimizer {
    settings: OptimizerConfig,
    /// Updates done.
    steps: u64,
    names: Vec<String>,
    /// Running means of the gradients.
    means: Vec<Tensor>,
    /// Running means of their squares.
    squares: Vec<Tensor>,
}

impl Optimizer {
    /// An optimizer that has done nothing yet, for these parameters in this order; its moments lie on their device.
    ///
    /// # Errors
    /// Moments larger than the device's buffers can be.
    pub fn new<N: Into<String>>(
        settings: &OptimizerConfig,
        parameters: Vec<(N, &Tensor)>,
    ) -> anyhow::Result<Self> {
        let (names, tensors): (Vec<N>, Vec<&Tensor>) = parameters.into_iter().unzip();
        Ok(Self {
            settings: settings.clone(),
            steps: 0,
            names: names.into_iter().map(Into::into).collect(),
            means: Tensor::zeros_like_all(&tensors)?,
            squares: Tensor::zeros_like_all(&tensors)?,
        })
    }

    /// Updates done so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// [`Optimizer::update`] of tensors on the device of the moments.
    ///
    /// # Errors
    /// As [`Optimizer::update`]; what a device fails at. A GPU has made the step by the time that it is found to be none: go on from a checkpoint.
    pub fn update_tensors(
        &mut self,
        learning_rate: f64,
        parameters: Vec<(String, &mut Tensor)>,
        gradients: Vec<(String, &mut Tensor)>,
    ) -> anyhow::Result<f64> {
        match self.means.first().map(Tensor::device) {
            #[cfg(feature = "gpu")]
            Some(Device::Gpu(_)) => self.update_on_gpu(learning_rate, &parameters, &gradients),
            Some(Device::Cpu) | None => {
                self.update(learning_rate, slices(parameters), slices(gradients))
            }
        }
    }

    /// Clips the gradients by their global norm, moves the parameters and returns the norm before clipping.
    ///
    /// `parameters` and `gradients` come in the order of [`Optimizer::new`]; gradients are scaled in place.
    ///
    /// # Errors
    /// A gradient or an updated parameter that is not finite (the message names the tensor), tensors other than the ones it was made for.
    pub fn update<N: AsRef<str>, M: AsRef<str>>(
        &mut self,
        learning_rate: f64,
        mut parameters: Vec<(N, &mut [f32])>,
        mut gradients: Vec<(M, &mut [f32])>,
    ) -> anyhow::Result<f64> {
        self.check("parameters", &lengths(&parameters))?;
        self.check("gradients", &lengths(&gradients))?;
        let mut squares = 0.0;
        for (name, gradient) in &gradients {
            check_gradient(name.as_ref(), gradient)?;
            // In f64: the square of an f32 may leave its range.
            let own = gradient.iter().map(|&g| f64::from(g) * f64::from(g));
            squares += own.sum::<f64>();
        }
        let norm = squares.sqrt();
        let limit = self.settings.max_grad_norm;
        if limit > 0.0 {
            let scale = (limit / (norm + CLIP_EPSILON)).min(1.0) as f32;
            if scale < 1.0 {
                for (_, gradient) in &mut gradients {
                    gradient.iter_mut().for_each(|g| *g *= scale);
                }
            }
        }
        self.steps += 1;
        let settings = self.constants(learning_rate);
        let moments = self.means.iter_mut().zip(&mut self.squares);
        for (((name, parameter), (_, gradient)), (mean, square)) in
            parameters.iter_mut().zip(gradients).zip(moments)
        {
            let name = name.as_ref();
            let (mean, square) = (mean.data_mut(), square.data_mut());
            adamw(parameter, gradient, mean, square, self.steps, &settings)
                .with_context(|| format!("cannot update {name}"))?;
            check_parameter(name, parameter)?;
        }
        Ok(norm)
    }

    #[cfg(feature = "gpu")]
    fn update_on_gpu(
        &mut self,
        learning_rate: f64,
        parameters: &[(String, &mut Tensor)],
        gradients: &[(String, &mut Tensor)],
    ) -> anyhow::Result<f64> {
        fn borrowed<'a>(tensors: &'a [(String, &mut Tensor)]) -> Vec<&'a Tensor> {
            tensors.iter().map(|(_, tensor)| &**tensor).collect()
        }
        fn lengths<'a>(tensors: &'a [(String, &mut Tensor)]) -> Vec<(&'a str, usize)> {
            let tensors = tensors.iter();
            tensors
                .map(|(name, tensor)| (&**name, tensor.len()))
                .collect()
        }
        self.check("parameters", &lengths(parameters))?;
        self.check("gradients", &lengths(gradients))?;
        let step = block_on(clipped_adamw(
            Tensors {
                param: &borrowed(parameters),
                grad: &borrowed(gradients),
                m: &self.means.iter().collect::<Vec<_>>(),
                v: &self.squares.iter().collect::<Vec<_>>(),
            },
            self.steps + 1,
            &self.constants(learning_rate),
            self.settings.max_grad_norm,
        ))?;
        self.steps += 1;
        if !step.gradients_finite {
            for (name, gradient) in gradients {
                check_gradient(name, block_on(gradient.read())?.data())?;
            }
            bail!("a gradient was not finite when the adapter was updated by it");
        }
        if !step.parameters_finite {
            for (name, parameter) in parameters {
                check_parameter(name, block_on(parameter.read())?.data())?;
            }
            bail!("a parameter was not finite after the update");
        }
        Ok(step.norm)
    }

    fn constants(&self, learning_rate: f64) -> AdamW {
        AdamW {
            learning_rate,
            beta1: self.settings.adam_beta1,
            beta2: self.settings.adam_beta2,
            epsilon: self.settings.adam_epsilon,
            weight_decay: self.settings.weight_decay,
        }
    }

    /// The moments as a safetensors file: `NAME.exp_avg` and `NAME.exp_avg_sq`, flat, f32; the step count in its metadata.
    ///
    /// # Errors
    /// A tensor that the format refuses; what a device fails at.
    pub fn to_safetensors(&self) -> anyhow::Result<Vec<u8>> {
        let means = block_on(Tensor::read_all(&self.means))?;
        let squares = block_on(Tensor::read_all(&self.squares))?;
        let bytes: Vec<(String, Vec<u8>)> = self
            .names
            .iter()
            .zip(means.iter().zip(&squares))
            .flat_map(|(name, (mean, square))| {
                [(MEAN, mean), (SQUARE, square)].map(|(suffix, values)| {
                    let bytes = values.data().iter().flat_map(|x| x.to_le_bytes()).collect();
                    (format!("{name}{suffix}"), bytes)
                })
            })
            .collect();
        let views = bytes
            .iter()
            .map(|(name, bytes)| {
                Ok((
                    name.as_str(),
                    TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes)?,
                ))
            })
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .context("the optimizer's moments are no safetensors")?;
        let metadata = [("steps".to_owned(), self.steps.to_string())];
        safetensors::serialize(views, Some(metadata.into()))
            .context("the optimizer's moments are no safetensors")
    }

    /// Reads what [`Optimizer::to_safetensors`] wrote into an optimizer for the same parameters.
    ///
    /// # Errors
    /// Bytes that are no safetensors file, moments missing or of another length, a number that is not finite, no step count.
    pub fn read_safetensors(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let (_, metadata) =
            SafeTensors::read_metadata(bytes).context("not a whole safetensors file")?;
        let steps = metadata
            .metadata()
            .as_ref()
            .and_then(|map| map.get("steps"))
            .context("its metadata has no steps")?;
        let steps = steps
            .parse()
            .with_context(|| format!("its step count is {steps:?}"))?;
        let file = SafeTensors::deserialize(bytes).context("not a whole safetensors file")?;
        ensure!(
            file.len() == 2 * self.names.len(),
            "it has {} tensors, expected {}",
            file.len(),
            2 * self.names.len()
        );
        let read = |suffix: &str, like: &[Tensor]| -> anyhow::Result<Vec<Tensor>> {
            let named = self.names.iter().zip(like);
            let tensors: Vec<Tensor> = named
                .map(|(name, like)| moment(&file, &format!("{name}{suffix}"), like))
                .collect::<anyhow::Result<_>>()?;
            let Some(first) = like.first() else {
                return Ok(tensors);
            };
            let tensors: Vec<&Tensor> = tensors.iter().collect();
            Ok(Tensor::all_to(&tensors, &first.device())?)
        };
        let (means, squares) = (read(MEAN, &self.means)?, read(SQUARE, &self.squares)?);
        (self.means, self.squares, self.steps) = (means, squares, steps);
        Ok(())
    }

    /// Refuses tensors other than those it was made for.
    fn check(&self, what: &str, tensors: &[(&str, usize)]) -> anyhow::Result<()> {
        ensure!(
            tensors.len() == self.names.len(),
            "the optimizer got {} {what}, expected {}",
            tensors.len(),
            self.names.len()
        );
        for ((own, mean), (name, len)) in self.names.iter().zip(&self.means).zip(tensors) {
            let expected = mean.len();
            ensure!(
                name == own && *len == expected,
                "the optimizer got {name} with {len} numbers among its {what}, expected {own} with {expected}",
            );
        }
        Ok(())
    }
}

fn slices(tensors: Vec<(String, &mut Tensor)>) -> Vec<(String, &mut [f32])> {
    let tensors = tensors.into_iter();
    tensors
        .map(|(name, tensor)| (name, tensor.data_mut()))
        .collect()
}

fn lengths<'a, N: AsRef<str>>(tensors: &'a [(N, &mut [f32])]) -> Vec<(&'a str, usize)> {
    let tensors = tensors.iter();
    tensors
        .map(|(name, values)| (name.as_ref(), values.len()))
        .collect()
}

/// A moment of `like`'s shape out of a file.
fn moment(file: &SafeTensors<'_>, name: &str, like: &Tensor) -> anyhow::Result<Tensor> {
    let tensor = file
        .tensor(name)
        .with_context(|| format!("tensor {name}"))?;
    let expected = like.len();
    ensure!(
        tensor.dtype() == Dtype::F32 && tensor.shape() == [expected],
        "tensor {name} is {:?} {:?}, expected F32 [{expected}]",
        tensor.dtype(),
        tensor.shape(),
    );
    let values = tensor
        .data()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let values: Vec<f32> = values.collect();
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        bail!("tensor {name} holds {value}");
    }
    Ok(Tensor::from_vec(like.rows(), like.cols(), values)?)
}

fn check_gradient(name: &str, gradient: &[f32]) -> anyhow::Result<()> {
    match gradient.iter().position(|g| !g.is_finite()) {
        None => Ok(()),
        Some(index) => bail!(
            "the gradient of {name} is {} at element {index}: the policy has run away or stood too far out: lower optimizer.learning_rate or adapter.lora_alpha and start a new run",
            gradient[index]
        ),
    }
}

fn check_parameter(name: &str, parameter: &[f32]) -> anyhow::Result<()> {
    match parameter.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(index) => bail!(
            "parameter {name} is {} at element {index} after the update: lower optimizer.learning_rate",
            parameter[index]
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(max_grad_norm: f64) -> OptimizerConfig {
        OptimizerConfig {
            max_grad_norm,
            ..OptimizerConfig::default()
        }
    }

    fn update(
        optimizer: &mut Optimizer,
        w: &mut [f32],
        gradients: [&mut [f32]; 2],
    ) -> anyhow::Result<f64> {
        let (a, b) = w.split_at_mut(2);
        let [d_a, d_b] = gradients;
        optimizer.update(0.1, vec![("a", a), ("b", b)], vec![("a", d_a), ("b", d_b)])
    }

    fn of_lengths(max_grad_norm: f64, [a, b]: [usize; 2]) -> Optimizer {
        let (a, b) = (Tensor::zeros(1, a), Tensor::zeros(1, b));
        Optimizer::new(&settings(max_grad_norm), vec![("a", &a), ("b", &b)]).unwrap()
    }

    fn two(max_grad_norm: f64) -> Optimizer {
        of_lengths(max_grad_norm, [2, 1])
    }

    #[test]
    fn the_norm_is_over_all_tensors_and_clips_them_together() {
        // sqrt(2^2 + 3^2 + 6^2) = 7; clipped to 1 everything is divided by 7
        let (mut d_a, mut d_b) = ([2.0, 3.0], [6.0]);
        let norm = update(&mut two(1.0), &mut [0.0; 3], [&mut d_a, &mut d_b]).unwrap();
        assert_eq!(norm, 7.0);
        for (got, expected) in [
            (d_a[0], 2.0 / 7.0),
            (d_a[1], 3.0 / 7.0),
            (d_b[0], 6.0 / 7.0),
        ] {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
        for (limit, gradient) in [(0.0, 6.0), (8.0, 6.0)] {
            let mut d_b = [gradient];
            update(&mut two(limit), &mut [0.0; 3], [&mut [2.0, 3.0], &mut d_b]).unwrap();
            assert_eq!(d_b, [6.0], "max_grad_norm {limit} leaves gradients alone");
        }
    }

    #[test]
    fn the_first_step_moves_by_the_learning_rate_against_the_gradient() {
        let mut w = [1.0, 1.0, 1.0];
        update(&mut two(0.0), &mut w, [&mut [0.5, -2.0], &mut [0.0]]).unwrap();
        // Adam's first step is lr * g / (|g| + eps)
        for (got, expected) in w.iter().zip([0.9, 1.1, 1.0]) {
            assert!((got - expected).abs() < 1e-6, "{w:?}");
        }
    }

    #[test]
    fn a_saved_optimizer_goes_on_to_the_same_bits() {
        let gradient = |i: u32| [(i as f32).sin(), (i as f32).cos(), 0.1 * i as f32];
        let run = |optimizer: &mut Optimizer, w: &mut [f32], steps: std::ops::Range<u32>| {
            for i in steps {
                let [a, b, c] = gradient(i);
                update(optimizer, w, [&mut [a, b], &mut [c]]).unwrap();
            }
        };
        let (mut whole, mut w) = (two(1.0), [0.3, -0.2, 0.1]);
        run(&mut whole, &mut w, 0..9);

        let (mut first, mut parts) = (two(1.0), [0.3, -0.2, 0.1]);
        run(&mut first, &mut parts, 0..4);
        let saved = first.to_safetensors().unwrap();
        let mut second = two(1.0);
        second.read_safetensors(&saved).unwrap();
        assert_eq!(second, first);
        run(&mut second, &mut parts, 4..9);
        assert_eq!((second.steps(), parts), (9, w));
        assert_eq!(
            second.to_safetensors().unwrap(),
            whole.to_safetensors().unwrap()
        );
    }

    #[test]
    fn what_is_not_finite_is_named() {
        let text = |gradients: [&mut [f32]; 2]| {
            let error = update(&mut two(1.0), &mut [0.0; 3], gradients).unwrap_err();
            format!("{error:#}")
        };
        assert_eq!(
            text([&mut [1.0, 2.0], &mut [f32::NAN]]),
            "the gradient of b is NaN at element 0: the policy has run away or stood too far out: lower optimizer.learning_rate or adapter.lora_alpha and start a new run"
        );
        assert_eq!(
            text([&mut [1.0, f32::NEG_INFINITY], &mut [0.0]]),
            "the gradient of a is -inf at element 1: the policy has run away or stood too far out: lower optimizer.learning_rate or adapter.lora_alpha and start a new run"
        );
        // Squares of f32 do not overflow the norm.
        let norm = update(&mut two(1.0), &mut [0.0; 3], [&mut [3e38, 0.0], &mut [0.0]]).unwrap();
        assert!((norm - 3e38).abs() < 1e32);
    }

    #[test]
    fn other_tensors_and_broken_files_are_refused() {
        let mut optimizer = two(1.0);
        let error = optimizer
            .update(
                0.1,
                vec![("a", &mut [0.0; 2][..])],
                vec![("a", &mut [0.0; 2][..])],
            )
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the optimizer got 1 parameters, expected 2"
        );
        let saved = optimizer.to_safetensors().unwrap();
        assert!(
            optimizer
                .read_safetensors(&saved[..saved.len() - 1])
                .is_err()
        );
        assert!(optimizer.read_safetensors(&[]).is_err());
        let mut other = of_lengths(1.0, [3, 1]);
        let error = other.read_safetensors(&saved).unwrap_err().to_string();
        assert_eq!(error, "tensor a.exp_avg is F32 [2], expected F32 [3]");
    }
}
