//! What a completion may and may not depend on.

use super::*;

/// Everything of a completion that must not depend on company.
#[derive(Debug, Clone, PartialEq)]
struct Fact {
    id: u64,
    sample: usize,
    ids: Vec<u32>,
    logprob_bits: Vec<u32>,
    reason: FinishReason,
    text: String,
}

/// In the order of the prompts' own ids.
fn facts(prompts: &[(u64, Vec<u32>)], rollout: Rollout) -> Vec<Fact> {
    let mut facts: Vec<_> = rollout
        .completions
        .into_iter()
        .map(|completion| Fact {
            id: prompts[completion.prompt].0,
            sample: completion.sample,
            ids: completion.completion_ids,
            logprob_bits: completion
                .sampling_logprobs
                .iter()
                .map(|logprob| logprob.to_bits())
                .collect(),
            reason: completion.finish_reason,
            text: completion.text,
        })
        .collect();
    facts.sort_by_key(|fact| (fact.id, fact.sample));
    facts
}

#[test]
fn a_completion_depends_on_neither_batch_mates_nor_order_nor_threads() {
    let prompts = prompts();
    let config = config();
    let expected = facts(&prompts, run(&prompts, &config));
    assert_eq!(expected.len(), 16);
    let ends = |reason| expected.iter().filter(|fact| fact.reason == reason).count();
    assert!(
        ends(FinishReason::Eos) >= 3 && ends(FinishReason::Length) >= 3,
        "the test wants both ends"
    );

    for max_concurrent_sequences in [1, 2, 3, 16, 100] {
        let config = RolloutConfig {
            max_concurrent_sequences,
            ..config.clone()
        };
        assert_eq!(
            facts(&prompts, run(&prompts, &config)),
            expected,
            "{max_concurrent_sequences} at once"
        );
    }
    let reversed: Vec<_> = prompts.iter().rev().cloned().collect();
    assert_eq!(
        facts(&reversed, run(&reversed, &config)),
        expected,
        "prompts in another order"
    );
    for prompt in &prompts {
        let alone = std::slice::from_ref(prompt);
        let own: Vec<_> = expected
            .iter()
            .filter(|fact| fact.id == prompt.0)
            .cloned()
            .collect();
        assert_eq!(
            facts(alone, run(alone, &config)),
            own,
            "prompt {} alone",
            prompt.0
        );
        let fewer = RolloutConfig {
            num_generations: 2,
            ..config.clone()
        };
        assert_eq!(facts(alone, run(alone, &fewer)), own[..2], "fewer samples");
    }
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        assert_eq!(
            pool.install(|| facts(&prompts, run(&prompts, &config))),
            expected,
            "{threads} threads"
        );
    }
}

#[test]
fn seed_step_and_prompt_id_each_change_the_answers() {
    let prompts = prompts();
    let answers = |config: &RolloutConfig, prompts: &[(u64, Vec<u32>)]| -> Vec<Vec<u32>> {
        run(prompts, config)
            .completions
            .into_iter()
            .map(|c| c.completion_ids)
            .collect()
    };
    let expected = answers(&config(), &prompts);
    assert_ne!(
        answers(
            &RolloutConfig {
                seed: 4,
                ..config()
            },
            &prompts
        ),
        expected
    );
    assert_ne!(
        answers(
            &RolloutConfig {
                step: 12,
                ..config()
            },
            &prompts
        ),
        expected
    );
    let renamed: Vec<_> = prompts
        .iter()
        .map(|(id, ids)| (id + 100, ids.clone()))
        .collect();
    assert_ne!(answers(&config(), &renamed), expected);
    // Samples of one prompt differ among each other.
    assert!(
        expected
            .chunks(4)
            .all(|group| group.iter().any(|ids| *ids != group[0]))
    );
}

#[test]
fn a_stopped_rollout_hands_over_what_was_begun() {
    let prompts = prompts();
    let whole = facts(&prompts, run(&prompts, &config()));
    for stop_after in [1, 5, 6, 20, 40] {
        let mut tokens = 0;
        let stopped = observed(&prompts, &config(), async |event| {
            tokens += usize::from(matches!(event, Event::Token { .. }));
            Ok(if tokens == stop_after {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })
        .unwrap();
        assert!(stopped.stopped);
        for fact in facts(&prompts, stopped) {
            let complete = whole
                .iter()
                .find(|other| (other.id, other.sample) == (fact.id, fact.sample))
                .unwrap();
            assert!(
                complete.ids.starts_with(&fact.ids),
                "a stopped completion is the beginning of the whole one"
            );
            assert_eq!(
                fact.reason == FinishReason::Stopped,
                fact.ids.len() < complete.ids.len()
            );
        }
    }
    let is_layer = |event: &Event<'_>| matches!(event, Event::Prefill { .. });
    for fails_in_prompt in [true, false] {
        let error = observed(&prompts, &config(), async |event| {
            match is_layer(&event) == fails_in_prompt {
                true => bail!("the pipe is gone"),
                false => Ok(ControlFlow::Continue(())),
            }
        });
        assert_eq!(error.unwrap_err().to_string(), "the pipe is gone");
    }
}

#[test]
fn a_rollout_that_is_stopped_in_a_prompt_hands_over_what_was_begun_before() {
    let prompts = prompts();
    for (stop_in, begun) in [(0, 0), (1, 4)] {
        let stopped = observed(&prompts, &config(), async |event| match event {
            Event::Prefill { prompt, .. } if prompt == stop_in => Ok(ControlFlow::Break(())),
            _ => Ok(ControlFlow::Continue(())),
        })
        .unwrap();
        assert!(stopped.stopped);
        assert_eq!(stopped.completions.len(), begun);
        assert!(stopped.completions.iter().all(|c| c.prompt < stop_in));
        assert!(!stopped.prefill_time.is_zero());
    }
}
