//! The native trainer: data, tokenizer, rollouts, optimizer, training loop, checkpoints, evaluation, command line.
