use std::path::Path;

use pollster::block_on;
use recode_kernels::batch::TokenBatch;
use recode_kernels::ops::linear_logprob::{LogprobRequest, Sampling};

use super::*;
use crate::tiny;

mod independence;

/// End tokens beside `<|im_end|>`: one in ten of the vocabulary, so that random weights end some completions and cut off others.
const EOS: [u32; 30] = {
    let mut ids = [0; 30];
    let mut i = 0;
    while i < 30 {
        ids[i] = 10 * i as u32 + 5;
        i += 1;
    }
    ids
};

/// About four in ten completions reach it.
const LENGTH: usize = 9;

fn tokenizer() -> Tokenizer {
    let settings = format!("{{\"eos_token_id\": {EOS:?}}}");
    let settings = [(Path::new("generation_config.json"), settings.as_bytes())];
    Tokenizer::from_json(
        Path::new("tokenizer.json"),
        tiny::tokenizer_json().as_bytes(),
        &settings,
    )
    .unwrap()
}

fn config() -> RolloutConfig {
    RolloutConfig {
        num_generations: 4,
        max_completion_length: LENGTH,
        max_concurrent_sequences: 5,
        sampling: SamplingConfig {
            temperature: 0.8,
            top_k: 0,
            top_p: 1.0,
        },
        seed: 3,
        step: 11,
    }
}

/// Prompts of one token, of a few, and of more than a tile.
fn prompts() -> Vec<(u64, Vec<u32>)> {
    vec![
        (40, vec![7]),
        (41, (10..33).collect()),
        (7, vec![1, 90, 91, 91, 20]),
        (8, (50..127).rev().collect()),
    ]
}

fn borrowed(prompts: &[(u64, Vec<u32>)]) -> Vec<Prompt<'_>> {
    prompts
        .iter()
        .map(|(id, prompt_ids)| Prompt {
            id: *id,
            prompt_ids,
        })
        .collect()
}

/// Everything under the eyes of an observer.
fn observed<O>(
    prompts: &[(u64, Vec<u32>)],
    config: &RolloutConfig,
    mut observe: O,
) -> Result<Rollout>
where
    O: AsyncFnMut(Event<'_>) -> Result<ControlFlow<()>>,
{
    block_on(rollout(
        &tiny::decoder(1),
        None,
        &tokenizer(),
        &borrowed(prompts),
        config,
        &mut observe,
    ))
}

fn run(prompts: &[(u64, Vec<u32>)], config: &RolloutConfig) -> Rollout {
    observed(prompts, config, async |_| Ok(ControlFlow::Continue(()))).unwrap()
}

#[test]
fn an_end_token_is_part_of_the_completion_and_not_of_the_text() {
    let tokenizer = tokenizer();
    for completion in run(&prompts(), &config()).completions {
        let (last, others) = completion.completion_ids.split_last().unwrap();
        assert!(others.iter().all(|id| !tokenizer.is_eos(*id)));
        assert_eq!(
            completion.sampling_logprobs.len(),
            completion.completion_ids.len()
        );
        match completion.finish_reason {
            FinishReason::Eos => {
                assert!(tokenizer.is_eos(*last));
                assert_eq!(completion.text, tokenizer.decode(others).unwrap());
            }
            FinishReason::Length => {
                assert!(!tokenizer.is_eos(*last));
                assert_eq!(completion.completion_ids.len(), LENGTH);
                assert_eq!(
                    completion.text,
                    tokenizer.decode(&completion.completion_ids).unwrap()
                );
            }
            FinishReason::Stopped => panic!("nobody stopped it"),
        }
    }
}

#[test]
fn a_completion_of_one_token_is_whole() {
    let one = RolloutConfig {
        max_completion_length: 1,
        ..config()
    };
    let rollout = run(&prompts(), &one);
    assert_eq!(rollout.completions.len(), 16);
    assert!(
        rollout
            .completions
            .iter()
            .all(|c| c.completion_ids.len() == 1)
    );
    assert_eq!(rollout.tokens, 16);
}

#[test]
fn sampling_logprobs_are_those_of_the_training_pass() {
    let prompts = prompts();
    let decoder = tiny::decoder(1);
    for sampling in [
        SamplingConfig {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
        },
        SamplingConfig {
            temperature: 0.7,
            top_k: 0,
            top_p: 1.0,
        },
        SamplingConfig {
            temperature: 1.3,
            top_k: 50,
            top_p: 0.8,
        },
    ] {
        let rollout = run(
            &prompts,
            &RolloutConfig {
                sampling,
                ..config()
            },
        );
        for completion in rollout.completions {
            let prompt_ids = &prompts[completion.prompt].1;
            let mut batch = TokenBatch::new();
            batch.push_group(prompt_ids, &[&completion.completion_ids]);
            let hidden = decoder.forward_hidden(&batch, None).unwrap();
            let first = prompt_ids.len() as u32 - 1;
            let requests: Vec<_> = (first..)
                .zip(&completion.completion_ids)
                .map(|(row, token)| LogprobRequest { row, token: *token })
                .collect();
            let kept = completion.kept;
            assert_eq!(kept.is_some(), sampling.truncates());
            let sampling = Sampling {
                temperature: sampling.temperature,
                kept: kept.as_ref(),
            };
            let trained =
                pollster::block_on(decoder.logprobs(&hidden, &requests, &sampling)).unwrap();
            for (drawn, trained) in completion.sampling_logprobs.iter().zip(&trained.logprobs) {
                assert!(
                    (drawn - trained).abs() < 2e-5,
                    "sampled at {drawn}, trained at {trained}"
                );
            }
        }
    }
}

#[test]
fn greedy_takes_the_likeliest_token_of_the_whole_pass() {
    let prompts = prompts();
    let decoder = tiny::decoder(1);
    let rollout = run(
        &prompts,
        &RolloutConfig {
            sampling: SamplingConfig::greedy(),
            num_generations: 2,
            ..config()
        },
    );
    for completion in &rollout.completions {
        let mut ids = prompts[completion.prompt].1.clone();
        for token in &completion.completion_ids {
            let hidden = decoder
                .forward_hidden(&TokenBatch::causal(&ids), None)
                .unwrap();
            let logits = decoder.logits(&hidden).unwrap();
            let row = logits.row(ids.len() - 1);
            let best = (0u32..)
                .zip(row)
                .max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)))
                .unwrap()
                .0;
            assert_eq!(*token, best);
            ids.push(*token);
        }
    }
    // Both samples are the same answer.
    assert!(
        rollout
            .completions
            .chunks(2)
            .all(|pair| pair[0].completion_ids == pair[1].completion_ids)
    );
}

#[test]
fn the_observer_hears_every_layer_of_a_prompt_every_token_once_and_every_end() {
    let prompts = prompts();
    let mut heard: std::collections::BTreeMap<(usize, usize), Vec<u32>> = Default::default();
    let mut read: std::collections::BTreeMap<usize, usize> = Default::default();
    let mut ended = Vec::new();
    let rollout = observed(&prompts, &config(), async |event| {
        match event {
            Event::Token {
                prompt,
                sample,
                token,
            } => heard.entry((prompt, sample)).or_default().push(token),
            Event::Prefill {
                prompt,
                layers_done,
                layers,
            } => {
                let before = read.insert(prompt, layers_done);
                assert_eq!(before.unwrap_or(0) + 1, layers_done);
                assert_eq!(layers, tiny::decoder(1).config().num_hidden_layers);
            }
            Event::Finished(completion) => {
                assert_eq!(
                    heard[&(completion.prompt, completion.sample)],
                    completion.completion_ids
                );
                ended.push((completion.prompt, completion.sample));
            }
        }
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!(read.len(), prompts.len());
    ended.sort_unstable();
    assert_eq!(
        ended,
        rollout
            .completions
            .iter()
            .map(|c| (c.prompt, c.sample))
            .collect::<Vec<_>>()
    );
    assert_eq!(rollout.tokens, heard.values().map(Vec::len).sum::<usize>());
}

#[test]
fn what_cannot_be_answered_is_refused_by_name() {
    let refused = |prompts: &[(u64, Vec<u32>)], config: &RolloutConfig| {
        let error = observed(prompts, config, async |_| Ok(ControlFlow::Continue(())));
        format!("{:#}", error.unwrap_err())
    };
    assert!(refused(&[(9, vec![])], &config()).starts_with("prompt 9 has no tokens"));
    let long = refused(&[(9, vec![5; 4090])], &config());
    assert!(
        long.contains("prompt 9 has 4090 tokens")
            && long.contains("max_completion_length 9 ")
            && long.contains("4096"),
        "{long}"
    );
    let unknown = refused(&[(9, vec![5, 300])], &config());
    assert!(
        unknown.contains("prompt 9") && unknown.contains("300"),
        "{unknown}"
    );
    for (name, config) in [
        (
            "num_generations",
            RolloutConfig {
                num_generations: 0,
                ..config()
            },
        ),
        (
            "max_completion_length",
            RolloutConfig {
                max_completion_length: 0,
                ..config()
            },
        ),
        (
            "max_concurrent_sequences",
            RolloutConfig {
                max_concurrent_sequences: 0,
                ..config()
            },
        ),
        (
            "top_p",
            RolloutConfig {
                sampling: SamplingConfig {
                    top_p: 0.0,
                    ..Default::default()
                },
                ..config()
            },
        ),
    ] {
        assert!(refused(&prompts(), &config).starts_with(name));
    }
    assert!(run(&[], &config()).completions.is_empty());
}

#[test]
fn weights_that_ran_away_stop_the_rollout_and_name_the_token() {
    let mut decoder = tiny::decoder(1);
    for (name, values) in decoder.parameters_mut().unwrap() {
        if name == "model.norm.weight" {
            values.fill(f32::NAN);
        }
    }
    let prompts = prompts();
    let mut go_on = async |_: Event<'_>| Ok(ControlFlow::Continue(()));
    let error = block_on(rollout(
        &decoder,
        None,
        &tokenizer(),
        &borrowed(&prompts),
        &config(),
        &mut go_on,
    ))
    .unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("prompt 40") && error.contains("NaN"),
        "{error}"
    );
}

#[test]
fn memory_is_bounded_by_the_places_and_not_by_the_prompts() {
    let prompts = prompts();
    let bytes_a_token = {
        let config = tiny::decoder(1).config().clone();
        2 * config.num_hidden_layers * config.key_value_size() * size_of::<f32>()
    };
    let longest = prompts.iter().map(|(_, ids)| ids.len()).max().unwrap();
    for places in [1, 3] {
        let config = RolloutConfig {
            max_concurrent_sequences: places,
            ..config()
        };
        // A place holds a completion, whose vectors may be twice as long as their content; with three places and four
        // completions a prompt, two prompts are held at most, and a third that is being begun.
        let bound = bytes_a_token * (places * 2 * LENGTH + 3 * longest);
        let peak = run(&prompts, &config).peak_cache_bytes;
        assert!(peak > 0 && peak <= bound, "{peak} bytes of at most {bound}");
    }
}
