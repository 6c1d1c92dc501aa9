#!/usr/bin/env python3
"""Tokens a second of transformers' generate, as a peer of `cargo bench -p recode-trainer --bench rollout`, which runs it.

usage: generate.py MODEL_DIR PROMPT_FILE SEQUENCES MAX_NEW_TOKENS THREADS
Prints one JSON object: tokens (end tokens included), seconds without and with the prompt, versions. f32, with a key-value cache."""
import json, sys, time
import torch, transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

model_dir, prompt_file, sequences, max_new_tokens, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
torch.set_num_threads(threads)
torch.manual_seed(0)
tokenizer = AutoTokenizer.from_pretrained(model_dir)
model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32).eval()
prompt = tokenizer(open(prompt_file, encoding="utf-8").read(), add_special_tokens=False, return_tensors="pt")


def run(new_tokens):
    begun = time.perf_counter()
    with torch.inference_mode():
        out = model.generate(**prompt, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, num_return_sequences=sequences,
                             max_new_tokens=new_tokens, pad_token_id=tokenizer.pad_token_id)
    seconds = time.perf_counter() - begun
    completions = out[:, prompt["input_ids"].shape[1]:].tolist()
    # Padding repeats the end token: a completion's first one is its own.
    ends = [ids.index(tokenizer.eos_token_id) + 1 if tokenizer.eos_token_id in ids else len(ids) for ids in completions]
    return sum(ends), seconds


run(2)  # what is set up once
_, first = run(1)
tokens, seconds = run(max_new_tokens)
print(json.dumps(dict(tokens=tokens, decode_seconds=seconds - first, seconds=seconds,
                      torch=torch.__version__, transformers=transformers.__version__)))
