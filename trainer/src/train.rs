//! A run from its first step to its last, or from its last checkpoint on: rows in, steps, logs, checkpoints, evaluations.
//!
//! Before the first step the model is evaluated as it came, after the last one with its adapter. Everything that decides a step's numbers
//! is a function of the configuration, the rows, the step and the checkpoint, so a resumed run writes the bytes it would have written.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use pollster::block_on;
use recode_kernels::Device;
use recode_kernels::decoder::{Adapter, AdapterConfig, Merged};

use crate::checkpoint::{self, Checkpoint, State};
use crate::cli::quoted;
use crate::config::Config;
use crate::eval::{self, Summary};
use crate::examples::Example;
use crate::grpo::{Begin, Grpo, Outcome, Policy, Reward};
use crate::inputs::Inputs;
use crate::interrupt::Interrupt;
use crate::optimizer::Optimizer;
use crate::report::{Progress, StepStatus, Table, remark};
use crate::run_dir::RunDir;
use crate::run_log::RunLog;
use crate::schedule::Schedule;
use crate::sizes::sizes;

/// What a run is made of.
#[allow(missing_debug_implementations, reason = "a reward is a closure")]
pub struct Run<'a> {
    pub inputs: &'a Inputs,
    pub config: &'a Config,
    pub reward: &'a Reward<'a>,
    pub interrupt: &'a Interrupt,
}

/// What a run that went to its end came to; evaluations where there were any.
#[derive(Debug, Clone)]
pub struct Finished {
    pub before: Option<Summary>,
    pub after: Option<Summary>,
    /// The folder of the last checkpoint.
    pub checkpoint: PathBuf,
}

impl Finished {
    /// Before, after and the change.
    pub fn table(&self) -> Option<Table> {
        Some(eval::table(self.before.as_ref()?, self.after.as_ref()?))
    }
}

/// The logs of a run.
struct Logs {
    metrics: RunLog,
    completions: RunLog,
    timings: RunLog,
}

impl Run<'_> {
    /// Trains to the end, from the newest checkpoint in `dir` if there is one.
    ///
    /// # Errors
    /// A checkpoint that is spoiled or of other rows; everything a step, a log or an evaluation can meet; Ctrl-C, when the step is done
    /// and saved.
    pub fn train(&self, dir: &RunDir) -> anyhow::Result<Finished> {
        self.inputs.fingerprint().hold(dir)?;
        let mut saved = checkpoint::latest(&dir.checkpoints())?;
        let (mut state, mut policy) = match &saved {
            Some(folder) => self.load(folder)?,
            None => self.begin()?,
        };
        if saved.is_none() && fs::metadata(dir.metrics()).is_ok_and(|file| file.len() > 0) {
            remark("there is no checkpoint to go on from: the run begins again at step 1");
        }
        let mut logs = Logs::open(dir, &state)?;
        fs::create_dir_all(dir.checkpoints())
            .with_context(|| format!("cannot create {}", dir.checkpoints().display()))?;
        dir.sync()?;
        let grpo = self.grpo();
        remark(&sizes(
            self.config,
            &self.inputs.examples,
            &policy,
            &grpo.schedule,
        ));
        if state.step > 0 {
            remark(&format!("resumed    after step {}", state.step));
        }
        let before = self.evaluate(dir, "before", None)?;

        let mut progress =
            Progress::new("step", state.step, self.config.run.max_steps).with_a_line_each();
        let (first, mut spread) = (state.step + 1, false);
        while state.step < self.config.run.max_steps {
            let outcome = self
                .step(&grpo, &state, &mut policy)
                .with_context(|| format!("step {} of {}", state.step + 1, dir.path().display()))?;
            logs.append(&outcome)?;
            spread |= outcome.metrics.frac_reward_zero_std < 1.0;
            self.count(&mut state, &outcome, &policy);
            progress.advance(state.step, &status(&outcome));
            let stop = self.interrupt.raised();
            if stop
                || state.step.is_multiple_of(self.config.run.save_steps)
                || state.step == self.config.run.max_steps
            {
                let folder = self.save(dir, &mut state, &policy, &logs)?;
                progress.note(&format!("checkpoint {}", folder.display()));
                saved = Some(folder);
            }
            if stop && state.step < self.config.run.max_steps {
                progress.finish();
                self.say_without_spread(first, state.step, spread);
                bail!(
                    "stopped after step {} as asked, and saved; {}",
                    state.step,
                    self.go_on(dir)
                );
            }
        }
        progress.finish();
        self.say_without_spread(first, state.step, spread);
        let after = self.evaluate(dir, "after", Some(&policy.merged))?;
        Ok(Finished {
            before,
            after,
            checkpoint: saved.context("a run of at least one step saves its last")?,
        })
    }

    /// Steps of a run that is begun and leaves nothing behind, as long as `watch` says: what it is told is the number of steps done.
    ///
    /// # Errors
    /// Those of a step.
    pub fn rehearse(&self, mut watch: impl FnMut(u64) -> ControlFlow<()>) -> anyhow::Result<()> {
        let grpo = self.grpo();
        let (mut state, mut policy) = self.begin()?;
        while watch(state.step).is_continue() {
            let outcome = self.step(&grpo, &state, &mut policy)?;
            self.count(&mut state, &outcome, &policy);
        }
        Ok(())
    }

    fn grpo(&self) -> Grpo<'_> {
        let config = self.config;
        let updates = config.run.max_steps * config.loss.num_iterations as u64;
        Grpo {
            model: &self.inputs.model,
            config,
            schedule: Schedule::new(&config.optimizer, updates),
            reward: self.reward,
        }
    }

    fn step(&self, grpo: &Grpo<'_>, state: &State, policy: &mut Policy) -> anyhow::Result<Outcome> {
        let wanted = self.config.rollout.prompts_per_step as u64;
        let examples = &self.inputs.examples;
        let prompts: Vec<&Example> = (state.prompts..state.prompts + wanted)
            .map(|n| &examples.train[examples.nth_prompt(self.config.seed, n)])
            .collect();
        let begin = Begin {
            step: state.step + 1,
            epoch: (state.prompts + wanted) as f64 / examples.train.len() as f64,
            num_tokens: state.num_tokens,
        };
        grpo.step(begin, &prompts, policy)
    }

    fn count(&self, state: &mut State, outcome: &Outcome, policy: &Policy) {
        state.step += 1;
        state.optimizer_steps = policy.optimizer.steps();
        state.prompts += self.config.rollout.prompts_per_step as u64;
        state.num_tokens = outcome.metrics.num_tokens;
    }

    /// A new adapter, and an optimizer that has done nothing.
    fn begin(&self) -> anyhow::Result<(State, Policy)> {
        let model = &self.inputs.model;
        let adapter = Adapter::init(&adapter_config(self.config), model.host(), self.config.seed)?;
        let adapter = adapter.to(&model.decoder.device())?;
        let optimizer = Optimizer::new(&self.config.optimizer, adapter.tensors())?;
        let state = State::new(self.inputs.fingerprint());
        Ok((state, Policy::new(&model.decoder, adapter, optimizer)?))
    }

    fn load(&self, folder: &std::path::Path) -> anyhow::Result<(State, Policy)> {
        let saved = Checkpoint::read(folder)?;
        let decoder = &self.inputs.model.decoder;
        let config = AdapterConfig::from_json(&saved.adapter_config)
            .with_context(|| checkpoint::unusable(folder, checkpoint::ADAPTER_CONFIG))?;
        ensure!(
            config == adapter_config(self.config),
            "{} cannot be used: it is not the adapter of this run's config.toml",
            folder.join(checkpoint::ADAPTER_CONFIG).display()
        );
        saved
            .state
            .fingerprint
            .check(&self.inputs.fingerprint(), &folder.display().to_string())?;
        let adapter = Adapter::from_safetensors(&config, decoder.config(), &saved.adapter)
            .with_context(|| checkpoint::unusable(folder, checkpoint::ADAPTER))?;
        let adapter = adapter.to(&decoder.device())?;
        let mut optimizer = Optimizer::new(&self.config.optimizer, adapter.tensors())?;
        optimizer
            .read_safetensors(&saved.optimizer)
            .with_context(|| checkpoint::unusable(folder, checkpoint::OPTIMIZER))?;
        ensure!(
            optimizer.steps() == saved.state.optimizer_steps,
            "{}: it has done {} steps, state.json says {}",
            checkpoint::unusable(folder, checkpoint::OPTIMIZER),
            optimizer.steps(),
            saved.state.optimizer_steps
        );
        Ok((saved.state, Policy::new(decoder, adapter, optimizer)?))
    }

    fn save(
        &self,
        dir: &RunDir,
        state: &mut State,
        policy: &Policy,
        logs: &Logs,
    ) -> anyhow::Result<PathBuf> {
        // The logs first: a checkpoint never speaks of lines that are not on disk.
        state.metrics_bytes = logs.metrics.sync()?;
        state.completions_bytes = logs.completions.sync()?;
        let base = self.config.model.path.display().to_string();
        let adapter = block_on(policy.adapter.read())?;
        let checkpoint = Checkpoint {
            state: state.clone(),
            adapter: adapter.to_safetensors()?,
            adapter_config: adapter.config().to_json(Some(&base)),
            optimizer: policy.optimizer.to_safetensors()?,
        };
        checkpoint.write(&dir.checkpoints())
    }

    /// Evaluates, or reads what an earlier start of this run has evaluated.
    fn evaluate(
        &self,
        dir: &RunDir,
        name: &str,
        merged: Option<&Merged>,
    ) -> anyhow::Result<Option<Summary>> {
        if !self.config.run.eval || self.inputs.examples.eval.is_empty() {
            return Ok(None);
        }
        let path = dir.eval().join(format!("{name}.jsonl"));
        let lines = match eval::read(&path)? {
            Some(lines) => lines,
            None => {
                let lines = eval::evaluate(
                    name,
                    &self.inputs.model,
                    merged,
                    &self.inputs.examples.eval,
                    self.config,
                    self.reward,
                    self.interrupt,
                )?
                .with_context(|| {
                    format!(
                        "stopped during the evaluation {name} as asked; {}",
                        self.go_on(dir)
                    )
                })?;
                eval::write(&path, &lines)?;
                dir.sync()?;
                lines
            }
        };
        Ok(Summary::of(&lines))
    }

    /// How to go on with a run, for whoever has asked it to stop.
    fn go_on(&self, dir: &RunDir) -> String {
        let device = match self.inputs.model.decoder.device() {
            Device::Cpu => String::new(),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => format!(" --device gpu:{}", gpu.adapter().index),
        };
        let config = quoted(&dir.config().display().to_string());
        format!("go on with `recode-trainer train --config {config}{device} --resume`")
    }

    /// Where all answers of every group earned the same, nothing said which way to move.
    fn say_without_spread(&self, first: u64, last: u64, spread: bool) {
        if !spread && last >= first {
            remark(&format!(
                "attention  in steps {first} to {last} no group had answers of different reward, so nothing was learned: raise rollout.temperature, cut off less with top_k and top_p, or let answers be longer"
            ));
        }
    }
}

/// The adapter that a run trains.
pub fn adapter_config(config: &Config) -> AdapterConfig {
    let config = &config.adapter;
    let mut target_modules = config.target_modules.clone();
    target_modules.sort_unstable();
    AdapterConfig {
        r: config.r,
        lora_alpha: config.lora_alpha,
        lora_dropout: config.lora_dropout,
        use_dora: config.use_dora,
        target_modules,
    }
}

fn status(outcome: &Outcome) -> StepStatus {
    let Outcome {
        metrics, timings, ..
    } = outcome;
    StepStatus {
        reward: metrics.reward,
        reward_std: metrics.reward_std,
        kl: metrics.kl,
        tokens_per_second: timings.completion_tokens as f64 / timings.step_seconds,
    }
}

impl Logs {
    /// Opens the logs as the checkpoint left them.
    fn open(dir: &RunDir, state: &State) -> anyhow::Result<Self> {
        let timings = dir.timings();
        let kept = timings_until(&timings, state.step)?;
        Ok(Self {
            metrics: RunLog::open(dir.metrics(), state.metrics_bytes)?,
            completions: RunLog::open(dir.completions(), state.completions_bytes)?,
            timings: RunLog::open(timings, kept)?,
        })
    }

    fn append(&mut self, outcome: &Outcome) -> anyhow::Result<()> {
        self.completions.append_all(&outcome.completions)?;
        self.metrics.append(&outcome.metrics)?;
        self.timings.append(&outcome.timings)
    }
}

/// Bytes of the timings of steps up to `step`. A checkpoint does not say it: the lines are never the same twice.
fn timings_until(path: &std::path::Path, step: u64) -> anyhow::Result<u64> {
    #[derive(serde::Deserialize)]
    struct Line {
        step: u64,
    }
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let done = |line: &&[u8]| {
        line.ends_with(b"\n")
            && serde_json::from_slice::<Line>(line).is_ok_and(|line| line.step <= step)
    };
    Ok(bytes
        .split_inclusive(|&b| b == b'\n')
        .take_while(done)
        .map(|line| line.len() as u64)
        .sum())
}
