//! The sizes of a run, said before its first step: what follows from configuration, rows and model.

use crate::config::{Config, LrSchedulerType};
use crate::examples::Examples;
use crate::grpo::Policy;
use crate::schedule::Schedule;

/// Four lines about a run.
pub fn sizes(config: &Config, examples: &Examples, policy: &Policy, schedule: &Schedule) -> String {
    let Config {
        rollout,
        loss,
        adapter,
        run,
        optimizer,
        ..
    } = config;
    let Examples {
        train,
        eval,
        eval_file_rows,
        left_out,
    } = examples;
    let completions = rollout.prompts_per_step * rollout.num_generations;
    let epochs = (run.max_steps * rollout.prompts_per_step as u64) as f64 / train.len() as f64;
    let longest = train
        .iter()
        .chain(eval)
        .map(|example| example.prompt_ids.len())
        .max()
        .unwrap_or(0);
    let parameters: usize = policy
        .adapter
        .tensors()
        .iter()
        .map(|(_, tensor)| tensor.len())
        .sum();
    let targets: Vec<String> = adapter
        .target_modules
        .iter()
        .map(ToString::to_string)
        .collect();
    let left_out = match left_out {
        0 => String::new(),
        n => format!(" ({n} rows with the code of a held-out row left out)"),
    };
    let held_out = match eval_file_rows {
        Some(all) => format!(
            "{} of the {all} rows of data.eval to evaluate on",
            eval.len()
        ),
        None => format!("{} held out", eval.len()),
    };
    let course = match optimizer.lr_scheduler_type {
        LrSchedulerType::Cosine => "cosine",
        LrSchedulerType::Linear => "linear",
        LrSchedulerType::ConstantWithWarmup => "constant",
    };
    let nothing = match schedule.moves_nothing() {
        true => {
            "\nattention  the only step is warm-up, at a learning rate of 0: nothing will be learned; set optimizer.warmup_ratio=0"
        }
        false => "",
    };
    format!(
        "rows       {} to train on{left_out}, {held_out}; longest prompt {longest} tokens\n\
         a step     prompts_per_step {} x num_generations {} = {completions} completions of at most {} tokens, {} optimizer steps\n\
         the run    {} steps = {epochs:.2} epochs = {} completions = {} optimizer steps, {} of them warm-up, then {course}\n\
         adapter    {} r {} on {}: {parameters} parameters{nothing}",
        train.len(),
        rollout.prompts_per_step,
        rollout.num_generations,
        rollout.max_completion_length,
        loss.num_iterations,
        run.max_steps,
        run.max_steps * completions as u64,
        schedule.total_steps,
        schedule.warmup_steps,
        if adapter.use_dora { "DoRA" } else { "LoRA" },
        adapter.r,
        targets.join(", "),
    )
}
