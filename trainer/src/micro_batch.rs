//! A step's completions cut into training passes of a bounded number of tokens.
//!
//! Completions of one prompt that share a pass share one copy of it; a group may be cut, never a completion. How a step is cut changes
//! memory and time, not loss or gradient: their denominators belong to the step. A completion's last token predicts nothing and nobody
//! attends to it, so it has no row.

use std::ops::Range;

use anyhow::Context;
use recode_kernels::TokenBatch;
use recode_kernels::ops::linear_logprob::{KeptTokens, LogprobRequest};

/// A completion and the prompt it answers.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Which prompt of the step; the completions of a prompt are neighbours.
    pub prompt: usize,
    /// Which of the prompt's completions.
    pub sample: usize,
    pub prompt_ids: &'a [u32],
    pub completion_ids: &'a [u32],
    /// Per token what top-k and top-p left, where they cut anything off.
    pub kept: Option<&'a KeptTokens>,
}

impl Sample<'_> {
    /// Rows of the completion itself: every token but the last.
    fn rows(&self) -> usize {
        self.completion_ids.len().saturating_sub(1)
    }
}

/// Cuts `samples` into runs of at most `budget` rows, in order. One that is longer by itself, with its prompt, stands alone.
///
/// `samples[i]` is left out where `wanted(i)` is false, as are empty completions.
pub fn cut(
    samples: &[Sample<'_>],
    budget: usize,
    wanted: impl Fn(usize) -> bool,
) -> Vec<Vec<usize>> {
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut rows = 0;
    for (index, sample) in samples.iter().enumerate() {
        if sample.completion_ids.is_empty() || !wanted(index) {
            continue;
        }
        let beside = parts.last().and_then(|part| part.last());
        let shared = beside.is_some_and(|&last| samples[last].prompt == sample.prompt);
        let alone = sample.prompt_ids.len() + sample.rows();
        let more = if shared { sample.rows() } else { alone };
        match parts.last_mut() {
            Some(part) if rows + more <= budget => {
                part.push(index);
                rows += more;
            }
            _ => {
                parts.push(vec![index]);
                rows = alone;
            }
        }
    }
    parts
}

/// One training pass: the tokens, and which log-probabilities are wanted of them.
#[derive(Debug, Clone)]
pub struct MicroBatch {
    /// N rows.
    pub batch: TokenBatch,
    /// A number for each row's token that does not depend on the cut, `[N]`: what dropout masks are drawn by.
    pub names: Vec<u64>,
    /// T requests, completion after completion, a request a token.
    pub requests: Vec<LogprobRequest>,
    /// Where each completion's requests stand: ranges that tile `0..T`.
    pub sequence: Vec<Range<usize>>,
    /// What sampling left of the vocabulary, per request, where it cut anything off.
    pub kept: Option<KeptTokens>,
}

impl MicroBatch {
    /// Lays out the completions `part` of `samples`, prompts shared.
    ///
    /// # Errors
    /// Kept tokens of another vocabulary, or of some of the completions only.
    pub fn new(samples: &[Sample<'_>], part: &[usize], vocab_size: usize) -> anyhow::Result<Self> {
        let mut batch = TokenBatch::new();
        let mut names = Vec::new();
        let mut requests = Vec::new();
        let mut sequence = Vec::with_capacity(part.len());
        let truncated = part.iter().any(|&index| samples[index].kept.is_some());
        let mut kept = truncated.then(|| KeptTokens::new(vocab_size));
        let mut prompt: Option<(usize, Range<usize>)> = None;
        for &index in part {
            let sample = &samples[index];
            let prompt_rows = match &prompt {
                Some((of, rows)) if *of == sample.prompt => rows.clone(),
                _ => {
                    names.extend((0..sample.prompt_ids.len()).map(|i| name(sample.prompt, 0, i)));
                    batch.push_segment(0..0, 0, sample.prompt_ids)
                }
            };
            prompt = Some((sample.prompt, prompt_rows.clone()));
            let prefix = prompt_rows.start as u32..prompt_rows.end as u32;
            let rows = batch.push_segment(
                prefix.clone(),
                prefix.len() as u32,
                &sample.completion_ids[..sample.rows()],
            );
            names.extend((0..rows.len()).map(|i| name(sample.prompt, sample.sample + 1, i)));
            // The prompt's last row predicts the first token, every row of the completion the token after it.
            let predictors =
                std::iter::once(prefix.end - 1).chain(rows.start as u32..rows.end as u32);
            let first = requests.len();
            requests.extend(
                predictors
                    .zip(sample.completion_ids)
                    .map(|(row, &token)| LogprobRequest { row, token }),
            );
            sequence.push(first..requests.len());
            if let Some(kept) = &mut kept {
                kept.append(sample.kept.context(
                    "some completions of a step were cut off by top-k or top-p and some were not",
                )?)?;
            }
        }
        Ok(Self {
            batch,
            names,
            requests,
            sequence,
            kept,
        })
    }
}

/// (prompt, segment, position in it) as one number; segment 0 is the prompt itself.
fn name(prompt: usize, segment: usize, position: usize) -> u64 {
    (prompt as u64) << 40 | (segment as u64) << 24 | position as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two prompts of 3 and 2 tokens; completions of 4, 1, 2 and 3, 5 tokens.
    fn samples() -> Vec<Sample<'static>> {
        const PROMPTS: [&[u32]; 2] = [&[10, 11, 12], &[20, 21]];
        const COMPLETIONS: [(usize, &[u32]); 5] = [
            (0, &[1, 2, 3, 4]),
            (0, &[5]),
            (0, &[6, 7]),
            (1, &[8, 9, 1]),
            (1, &[2, 3, 4, 5, 6]),
        ];
        COMPLETIONS
            .map(|(prompt, completion_ids)| Sample {
                prompt,
                sample: completion_ids[0] as usize,
                prompt_ids: PROMPTS[prompt],
                completion_ids,
                kept: None,
            })
            .to_vec()
    }

    #[test]
    fn a_budget_is_kept_and_prompts_are_shared() {
        // Rows: 3 + 3 + 0 + 1 = 7 for the first prompt, 2 + 2 + 4 = 8 for the second.
        let all = |budget| cut(&samples(), budget, |_| true);
        assert_eq!(all(15), [vec![0, 1, 2, 3, 4]]);
        assert_eq!(all(14), [vec![0, 1, 2, 3], vec![4]]);
        assert_eq!(all(7), [vec![0, 1, 2], vec![3], vec![4]]);
        assert_eq!(all(6), [vec![0, 1], vec![2], vec![3], vec![4]]);
        assert_eq!(all(1), [[0], [1], [2], [3], [4]]);
    }

    #[test]
    fn what_is_not_wanted_costs_nothing() {
        assert_eq!(cut(&samples(), 100, |i| i % 2 == 1), [vec![1, 3]]);
        assert!(cut(&samples(), 100, |_| false).is_empty());
        let empty = [Sample {
            completion_ids: &[],
            ..samples()[0]
        }];
        assert!(cut(&empty, 100, |_| true).is_empty());
    }

    #[test]
    fn every_token_is_asked_of_the_row_before_it() {
        let samples = samples();
        let MicroBatch {
            batch,
            names,
            requests,
            sequence,
            kept,
        } = MicroBatch::new(&samples, &[0, 1, 3], 30).unwrap();
        batch.validate().unwrap();
        // 10 11 12 | 1 2 3 | (5) | 20 21 | 8 9
        assert_eq!(batch.ids, [10, 11, 12, 1, 2, 3, 20, 21, 8, 9]);
        assert_eq!(batch.positions, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3]);
        assert_eq!(sequence, [0..4, 4..5, 5..8]);
        let pairs: Vec<_> = requests.iter().map(|r| (r.row, r.token)).collect();
        let expected = [
            (2, 1),
            (3, 2),
            (4, 3),
            (5, 4),
            (2, 5),
            (7, 8),
            (8, 9),
            (9, 1),
        ];
        assert_eq!(pairs, expected);
        assert!(kept.is_none());
        // Alone or beside others, a token has one name, and no other token has it.
        let alone = MicroBatch::new(&samples, &[3], 30).unwrap().names;
        assert_eq!(alone, names[6..]);
        let different: std::collections::HashSet<u64> = names.iter().copied().collect();
        assert_eq!(different.len(), names.len());
    }

    #[test]
    fn kept_tokens_follow_the_requests() {
        let mut kept = KeptTokens::new(30);
        for tokens in [&[1, 9][..], &[2], &[3, 4], &[4]] {
            kept.push(tokens.iter().copied()).unwrap();
        }
        let sample = Sample {
            kept: Some(&kept),
            ..samples()[0]
        };
        let set = MicroBatch::new(&[sample], &[0], 30).unwrap().kept.unwrap();
        assert_eq!(set.len(), 4);
        assert!(set.contains(0, 9) && set.contains(2, 3) && !set.contains(1, 9));
        let error = MicroBatch::new(&[sample, samples()[1]], &[0, 1], 30).unwrap_err();
        assert!(error.to_string().contains("top-k or top-p"));
    }
}
