#!/usr/bin/env python3
"""Make the golden continuations of SmolLM2-135M-Instruct: 64 greedy tokens for ten prompts, by transformers in f32.

usage: make_smollm2.py MODEL_DIR [OUT.json]          (default: smollm2_greedy.json beside this file)
needs: torch, transformers; the versions it ran with are written into the file

Prompts are ours, as token ids and as text. Greedy is the argmax of every step, whether or not it ends the text. Beside the
tokens stand the log-probability of each and the smallest lead of a best logit over the second, so that a near-tie can be
told from a mistake. `checkpoint` is what model.safetensors must hash to: another file may continue otherwise.
"""
import hashlib
import json
import pathlib
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

TOKENS = 64
SYSTEM = "You are a helpful coding assistant."
CHATS = [
    "What does numpy.concatenate do? Answer in one sentence.",
    "Rewrite `df.append(row)` for a pandas version without DataFrame.append.",
    "Write a Python function that adds two numbers.",
    "The argument `interpolation` of numpy.percentile was renamed to `method`. Update: np.percentile(x, 50, interpolation='lower')",
]
TEXTS = [
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "import torch\n\nx = torch.zeros(3, 4)\nprint(x.shape)\n",
    "The capital of France is",
    "# Changes in this release\n\n- `sum_rows` was removed; use",
    "for i in range(10):\n    print(i)\n\nOutput:\n0\n1\n2\n3\n",
    " ",
]


def chat(user):
    return f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"


@torch.no_grad()
def greedy(model, prompt_ids):
    ids, cache = torch.tensor([prompt_ids]), None
    tokens, logprobs, lead = [], [], float("inf")
    for _ in range(TOKENS):
        out = model(input_ids=ids, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        logits = out.logits[0, -1]
        best = logits.topk(2)
        token = best.indices[0].item()
        lead = min(lead, (best.values[0] - best.values[1]).item())
        tokens.append(token)
        logprobs.append(round(torch.log_softmax(logits, -1)[token].item(), 6))
        ids = torch.tensor([[token]])
    return tokens, logprobs, lead


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).resolve().parent / "smollm2_greedy.json"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prompts = []
    for text in [chat(user) for user in CHATS] + TEXTS:
        ids = tokenizer(text, add_special_tokens=False).input_ids
        tokens, logprobs, lead = greedy(model, ids)
        prompts.append({"text": text, "prompt_ids": ids, "completion_ids": tokens, "logprobs": logprobs, "smallest_lead": lead})
        print(f"{lead:10.6f}  {tokenizer.decode(tokens)[:100]!r}", flush=True)
    with open(folder / "model.safetensors", "rb") as file:
        checkpoint = hashlib.file_digest(file, "sha256").hexdigest()
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    lines = ",\n".join(json.dumps(prompt) for prompt in prompts)
    out.write_text(f'{{"versions": {json.dumps(versions)}, "checkpoint": "{checkpoint}", "prompts": [\n{lines}\n]}}\n')
