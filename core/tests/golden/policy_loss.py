#!/usr/bin/env python3
"""Writes policy_loss.json: TRL's own `GRPOTrainer._compute_loss` on small batches of log-probabilities, with torch's gradient.

usage: policy_loss.py > policy_loss.json        (needs trl, peft and torch; the versions are recorded in the output)

The trainer object is replaced by the few attributes the method reads, and the model by leaf log-probabilities, so what is compared is
the loss alone: clipping, dual-clip (TRL: delta), KL and aggregation. TRL's `grpo` is `seq_mean_token_mean`, its `dapo` is `token_mean`.
Everything runs in float64; inputs are rounded to float32 first, because that is what the Rust side takes."""
import json, sys
from collections import defaultdict
from types import SimpleNamespace
import torch, trl
from trl import GRPOTrainer

torch.manual_seed(7)


def case(loss_type, beta, low, high, delta, lengths, spread):
    S, T = len(lengths), max(lengths)
    f32 = lambda x: x.float().double()
    mask = torch.zeros(S, T, dtype=torch.float64)
    for i, n in enumerate(lengths):
        mask[i, :n] = 1
    old = f32(-4 * torch.rand(S, T, dtype=torch.float64))
    logps = f32(old + spread * torch.randn(S, T, dtype=torch.float64)).requires_grad_()
    ref = f32(old + 2 * spread * torch.randn(S, T, dtype=torch.float64))
    entropy = f32(3 * torch.rand(S, T, dtype=torch.float64))
    advantages = torch.randn(S, dtype=torch.float64)
    metrics = defaultdict(list)
    trainer = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *a, **k: (logps, entropy, None),
        aux_loss_enabled=False, top_entropy_quantile=1.0, off_policy_mask_threshold=None, importance_sampling_level="token",
        beta=beta, epsilon_low=low, epsilon_high=high, loss_type=loss_type, use_vllm=False, current_gradient_accumulation_steps=1,
        args=SimpleNamespace(use_bias_correction_kl=False, delta=delta, steps_per_generation=1), _entropy_bonus_enabled=False,
        model=SimpleNamespace(training=True), _metrics={"train": metrics},
        accelerator=SimpleNamespace(num_processes=1, gather=lambda x: x, reduce=lambda x, reduction: x),
    )
    ids = torch.zeros(S, T, dtype=torch.long)
    inputs = dict(prompt_ids=ids[:, :1], prompt_mask=ids[:, :1], completion_ids=ids, completion_mask=mask, advantages=advantages,
                  old_per_token_logps=old, ref_per_token_logps=ref, num_items_in_batch=mask.sum())
    loss = GRPOTrainer._compute_loss(trainer, None, inputs)
    loss.backward()
    flat = lambda x: [v for i, n in enumerate(lengths) for v in x[i, :n].tolist()]
    return dict(
        loss_agg_mode={"grpo": "seq_mean_token_mean", "dapo": "token_mean"}[loss_type], beta=beta, clip_ratio_low=low, clip_ratio_high=high,
        dual_clip=delta, lengths=lengths, advantages=advantages.tolist(), logprobs=flat(logps.detach()), old_logprobs=flat(old),
        ref_logprobs=flat(ref), entropy=flat(entropy), loss=loss.item(), d_logprobs=flat(logps.grad),
        metrics={k: v[-1] for k, v in metrics.items()},
    )


def advantages():
    """`_generate_and_score_completions`' lines on rewards, as they stand there: centred, nanstd with n - 1, + 1e-4."""
    rewards = torch.tensor([[-2.5, 0.1, 3.0, 0.1, -0.7], [1.0, 1.0, 1.0, 1.0, 1.5]], dtype=torch.float64)
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    return dict(num_generations=5, rewards=rewards.flatten().tolist(), advantages=(centred / (rewards.std(dim=1, keepdim=True) + 1e-4)).flatten().tolist())


cases = [
    case("grpo", 0.001, 0.2, 0.2, None, [7, 1, 5], 0.15),
    case("grpo", 0.1, 0.2, 0.28, None, [3, 6, 2, 4], 0.5),
    case("dapo", 0.0, 0.2, 0.28, 10.0, [7, 1, 5], 1.5),
    case("dapo", 0.04, 0.2, 0.28, 3.0, [2, 9, 3, 1, 5], 1.0),
]
json.dump(dict(versions=dict(torch=torch.__version__, trl=trl.__version__), advantages=advantages(), cases=cases), sys.stdout, indent=1)
print()
