"""The real GRPOTrainer, on a tiny random model and a tokenizer made here, with our functions as its rewards. Nothing is downloaded."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import NEW, OLD, answered

import recode_reward
from recode_reward.trl import edit_gain, format_reward, reward_function

# Before transformers looks: what is not here is not fetched.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

pytest.importorskip("torch", reason="TRL's trainer: torch is not installed")
trl = pytest.importorskip("trl", reason="TRL's trainer: trl is not installed")

STEPS, GENERATIONS = 2, 4
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>{% endif %}"
)


def tiny_tokenizer() -> Any:
    """Letters, and whole tokens for what an answer consists of, so that a random policy now and then writes one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = ["</think>", "<answer>", "</answer>", "```python\n", "\n```\n", NEW, OLD, answered(NEW), answered(OLD)]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    specials = ["<pad>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(specials + letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens(pieces)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<|im_end|>")
    fast.chat_template = CHATML
    return fast


def tiny_model(vocabulary: int) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM, set_seed

    set_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=4096,
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=2,
        )
    )


def rows(chat: bool) -> list[dict[str, Any]]:
    prompt = recode_reward.prompt("numpy", "==2.0.0", "row_stack is gone, use vstack", OLD)
    messages = [{"role": "system", "content": prompt["system"]}, {"role": "user", "content": prompt["user"]}]
    return [
        {"prompt": messages if chat else prompt["chatml"], "target": NEW, "old_code": OLD},
        {"prompt": messages if chat else prompt["chatml"], "target": NEW.replace("[a, b]", "[a, b, c]"), "old_code": OLD},
    ]


class Seen:
    """A reward function that keeps what ours was given and what it gave."""

    def __init__(self, function: Any) -> None:
        self.function, self.__name__ = function, function.__name__
        self.calls: list[tuple[dict[str, Any], list[float]]] = []

    def __call__(self, completions: Any, **columns: Any) -> list[float]:
        rewards = self.function(completions, **columns)
        self.calls.append(({"completions": completions, **columns}, rewards))
        return rewards  # type: ignore[no-any-return]


@pytest.mark.parametrize("chat", [False, True], ids=["texts", "chat messages"])
def test_grpo_trainer_learns_from_our_rewards(chat: bool, tmp_path: Path) -> None:
    from datasets import Dataset

    tokenizer = tiny_tokenizer()
    model = tiny_model(len(tokenizer))
    ours = Seen(reward_function(name="migration", weights={"format": 1, "edit_gain": 1, "overlong": 0.5}, overlong={"max_length": 24, "buffer": 8}))
    config = trl.GRPOConfig(
        output_dir=str(tmp_path),
        max_steps=STEPS,
        per_device_train_batch_size=2 * GENERATIONS,
        num_generations=GENERATIONS,
        max_completion_length=24,
        learning_rate=1e-2,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        bf16=False,
        seed=0,
    )
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    trainer = trl.GRPOTrainer(
        model=model,
        reward_funcs=[ours, format_reward, edit_gain],
        args=config,
        train_dataset=Dataset.from_list(rows(chat)),
        processing_class=tokenizer,
    )
    trainer.train()

    logged = [entry for entry in trainer.state.log_history if "rewards/migration/mean" in entry]
    assert len(logged) == len(ours.calls) == STEPS
    for entry, (columns, rewards) in zip(logged, ours.calls):
        assert len(rewards) == 2 * GENERATIONS
        texts = [completion[0]["content"] if chat else completion for completion in columns["completions"]]
        breakdowns = [
            recode_reward.score(
                text,
                target,
                old_code=old_code,
                length=len(ids),
                weights={"format": 1, "edit_gain": 1, "overlong": 0.5},
                overlong={"max_length": 24, "buffer": 8},
            )
            for text, target, old_code, ids in zip(
                texts, columns["target"], columns["old_code"], columns["completion_ids"], strict=True
            )
        ]
        totals = [breakdown["total"] for breakdown in breakdowns]
        assert rewards == totals

        def mean(values: list[Any]) -> Any:
            return pytest.approx(sum(values) / len(values), abs=1e-6)

        assert entry["rewards/migration/mean"] == mean(totals)
        assert entry["rewards/format_reward/mean"] == mean([breakdown["format"] for breakdown in breakdowns])
        assert entry["rewards/edit_gain/mean"] == mean([breakdown["edit_gain"] for breakdown in breakdowns])
        assert entry["rewards/migration/overlong"] == mean([breakdown["overlong"] for breakdown in breakdowns])
        assert math.isfinite(entry["loss"])
    # The random policy wrote answers of different worth, so there was something to learn, and the weights moved.
    assert len({reward for _, rewards in ours.calls for reward in rewards}) > 1
    assert any((weight != before[name]).any() for name, weight in model.named_parameters())
