#!/usr/bin/env python3
"""Make the golden numbers of the decoder: what transformers and peft compute on two tiny random models.

usage: make.py [OUT_DIR]          (default: beside this file; writes OUT_DIR/{qwen2,llama}/)
needs: torch, transformers, peft, safetensors, numpy; the versions it ran with are written into every case.json

qwen2   biases on q, k, v; head of its own; bf16 weights in two shards
llama   tied head; biases everywhere; linear RoPE scaling; head_dim that is not hidden / heads; f16 weights in one file

Everything is computed in f32 on the CPU by transformers' eager attention. The batch is one prompt with three completions;
the reference gets them as three whole sequences, so that what it says holds for a shared prompt and a repeated one alike.

A model's directory holds
  config.json, model*.safetensors      written by save_pretrained
  case.json                            token ids, coefficients, losses, versions
  expected.safetensors                 logits and log-probabilities of the base, gradients of all its parameters
  NAME/adapter_config.json, NAME/adapter_model.safetensors   an adapter written by peft, every factor random
  NAME/expected.safetensors            log-probabilities, gradients by peft's tensor names; for `dora_all` also the adapter
                                       after ten AdamW steps, and log-probabilities and gradients under dropout
"""
import copy
import json
import os
import pathlib
import sys

import numpy as np
import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
PROMPT = 7
COMPLETIONS = (5, 1, 9)
SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ADAMW = {"learning_rate": 2e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.1, "steps": 10}
VERSIONS = {
    "torch": torch.__version__,
    "transformers": transformers.__version__,
    "peft": peft.__version__,
    "numpy": np.__version__,
}


def philox(key, counter):
    """Philox4x32-10 on arrays of u64 that hold 32-bit words: the generator of recode-kernels, for the dropout masks."""
    mask = np.uint64(0xFFFFFFFF)
    c = [np.asarray(w, dtype=np.uint64) for w in counter]
    k = [np.uint64(key[0]), np.uint64(key[1])]
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ k[0], p1 & mask, (p0 >> np.uint64(32)) ^ c[3] ^ k[1], p0 & mask]
        k = [(k[0] + np.uint64(0x9E3779B9)) & mask, (k[1] + np.uint64(0xBB67AE85)) & mask]
    return c


def keep_mask(seed, probability, layer, target, tokens, width):
    """What recode-kernels' dropout keeps, [tokens, width]: word j % 4 of the block (token, j / 4, layer * 7 + target)."""
    j = np.arange(width, dtype=np.uint64)[None, :]
    token = np.asarray(tokens, dtype=np.uint64)[:, None]
    zero = np.zeros((len(tokens), width), dtype=np.uint64)
    words = philox(
        (seed & 0xFFFFFFFF, seed >> 32),
        ((token & np.uint64(0xFFFFFFFF)) + zero, (token >> np.uint64(32)) + zero, j // np.uint64(4) + zero, zero + np.uint64(layer * 7 + target)),
    )
    word = np.choose((j % np.uint64(4) + zero).astype(np.int64), words)
    unit = (word >> np.uint64(8)).astype(np.float32) * np.float32(2.0**-24)
    return unit >= np.float32(probability)


class CountedDropout(torch.nn.Module):
    """nn.Dropout with the mask of `keep_mask`; `tokens` names the rows of the sequence that runs."""

    tokens = None

    def __init__(self, seed, probability, layer, target):
        super().__init__()
        self.arguments = (seed, probability, layer, target)

    def forward(self, x):
        keep = keep_mask(*self.arguments, CountedDropout.tokens, x.shape[-1])
        return x * torch.from_numpy(keep).to(x.dtype) / (1.0 - self.arguments[1])


def qwen2():
    config = Qwen2Config(
        vocab_size=43, hidden_size=20, intermediate_size=28, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=6, max_position_embeddings=64, rms_norm_eps=1e-6, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1000.0}, use_sliding_window=False,
    )
    return Qwen2ForCausalLM(config), torch.bfloat16, "10KB"


def llama():
    config = LlamaConfig(
        vocab_size=37, hidden_size=27, intermediate_size=34, num_hidden_layers=2, num_attention_heads=3,
        num_key_value_heads=1, head_dim=8, max_position_embeddings=48, rms_norm_eps=1e-5, tie_word_embeddings=True,
        attention_bias=True, mlp_bias=True, rope_parameters={"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0},
    )
    return LlamaForCausalLM(config), torch.float16, "1GB"


def randomize(model, dtype, generator):
    """Every parameter random, norms and biases too, rounded to `dtype`: a zero or a one would hide a mistake."""
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name:
                value = 1.0 + 0.3 * noise
            elif name.endswith("bias"):
                value = 0.5 * noise
            elif "embed" in name or "lm_head" in name:
                value = 0.7 * noise
            else:
                value = noise * 1.2 / parameter.shape[1] ** 0.5
            parameter.copy_(value.to(dtype).float())


def token_logprobs(model, case, sequences=None):
    """Log-probability and entropy of every completion token, completion after completion."""
    logprobs, entropies = [], []
    for g, completion in enumerate(case["completions"]):
        if sequences is not None:
            CountedDropout.tokens = sequences[g]
        ids = torch.tensor([case["prompt"] + completion])
        logits = model(input_ids=ids).logits[0, len(case["prompt"]) - 1 : -1]
        log_softmax = torch.log_softmax(logits, dim=-1)
        logprobs.append(log_softmax.gather(1, torch.tensor(completion)[:, None])[:, 0])
        entropies.append(-(log_softmax.exp() * log_softmax).sum(-1))
    return torch.cat(logprobs), torch.cat(entropies)


def loss_of(logprobs, case):
    """sum over tokens of coefficient x log-probability: any policy's gradient is one of these."""
    return (torch.tensor(case["coefficients"]) * logprobs).sum()


def saved_names(model):
    """peft's name in a file, by the parameter's name in the model."""
    return {
        name: name.replace(".default.weight", ".weight").replace("lora_magnitude_vector.weight", "lora_magnitude_vector")
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    names = saved_names(model)
    return {f"grad.{names[n]}": p.grad.clone() for n, p in model.named_parameters() if p.requires_grad}


def write(path, tensors):
    save_file({name: t.detach().contiguous() for name, t in tensors.items()}, path)


def make_adapter(base, folder, case, config, generator):
    folder.mkdir(exist_ok=True)
    model = get_peft_model(base, config).eval()
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if not parameter.requires_grad:
                continue
            noise = torch.randn(parameter.shape, generator=generator)
            if "magnitude" in name:
                parameter.mul_(1.0 + 0.2 * noise)
            else:
                parameter.copy_(0.3 * noise)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()  # a model card nobody reads
    saved = get_peft_model_state_dict(model)
    assert set(saved) == set(saved_names(model).values()), "the names of gradients are not those of peft's files"

    logprobs, _ = token_logprobs(model, case)
    expected = {"logprobs": logprobs} | gradients(model, loss_of(logprobs, case))
    losses = []
    if folder.name == "dora_all":
        start = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
        dropped = dropout_case(model, case)
        losses = ten_steps(model, case)
        names = saved_names(model)
        expected |= {f"trained.{names[n]}": p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
        expected |= dropped
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in start:
                    parameter.copy_(start[name])
    write(folder / "expected.safetensors", expected)
    model.unload()
    return losses


def ten_steps(model, case):
    """Ten AdamW steps on the mean negative log-probability of the completions; the loss before each step and at the end."""
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=ADAMW["learning_rate"],
        betas=(ADAMW["beta1"], ADAMW["beta2"]), eps=ADAMW["epsilon"], weight_decay=ADAMW["weight_decay"],
    )
    losses = []
    for _ in range(ADAMW["steps"]):
        loss = -token_logprobs(model, case)[0].mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    losses.append(-token_logprobs(model, case)[0].mean().item())
    return losses


def dropout_case(model, case):
    """Log-probabilities and gradients with peft's own dropout path and our masks. A prompt token has one mask, whoever
    shares it, so token t of the prompt is token t for every completion."""
    d = case["dropout"]
    modules = {
        (layer, target): module
        for layer in range(model.config.num_hidden_layers)
        for target, name in enumerate(SEVEN)
        for path, module in model.named_modules()
        if path.endswith(f"layers.{layer}.{'self_attn' if target < 4 else 'mlp'}.{name}")
    }
    assert len(modules) == 7 * model.config.num_hidden_layers
    for (layer, target), module in modules.items():
        module.lora_dropout["default"] = CountedDropout(d["seed"], d["probability"], layer, target)
    model.train()
    logprobs, _ = token_logprobs(model, case, sequences=d["tokens"])
    found = {"dropout.logprobs": logprobs}
    found |= {f"dropout.{name}": g for name, g in gradients(model, loss_of(logprobs, case)).items()}
    model.eval()
    return found


def make(name, build, out):
    generator = torch.Generator().manual_seed(20250620)
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    model, dtype, shard = build()
    model.set_attn_implementation("eager")
    model.eval()
    randomize(model, dtype, generator)
    # A copy is saved: casting this one to and fro would round its rotary frequencies, which are buffers.
    copy.deepcopy(model).to(dtype).save_pretrained(folder, max_shard_size=shard)
    (folder / "generation_config.json").unlink(missing_ok=True)

    vocabulary = model.config.vocab_size
    draw = lambda n: torch.randint(0, vocabulary, (n,), generator=generator).tolist()
    case = {
        "versions": VERSIONS,
        "prompt": draw(PROMPT),
        "completions": [draw(n) for n in COMPLETIONS],
        "coefficients": torch.randn(sum(COMPLETIONS), generator=generator).tolist(),
        "adamw": ADAMW,
        # Token names are unrelated to rows, and do not fit 32 bits.
        "dropout": {
            "probability": 0.25,
            "seed": 0x1234_5678_9ABC_DEF0,
            "tokens": [
                [t for t in range(PROMPT)] + [(g + 1) * 2**33 + 11 * t for t in range(n)]
                for g, n in enumerate(COMPLETIONS)
            ],
        },
    }
    logprobs, entropies = token_logprobs(model, case)
    longest = case["prompt"] + case["completions"][-1]
    logits = model(input_ids=torch.tensor([longest])).logits[0]
    expected = {"logits": logits, "logprobs": logprobs, "entropy": entropies}
    write(folder / "expected.safetensors", expected | gradients(model, loss_of(logprobs, case)))

    common = {"r": 3, "lora_alpha": 5, "lora_dropout": 0.0, "task_type": "CAUSAL_LM"}
    case["losses"] = make_adapter(
        model, folder / "dora_all", case, LoraConfig(use_dora=True, target_modules=SEVEN, **common), generator
    )
    make_adapter(model, folder / "lora_default", case, LoraConfig(**common), generator)
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n")


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # peft writes target_modules in the order of a set
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    torch.set_num_threads(1)
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for name, build in (("qwen2", qwen2), ("llama", llama)):
        make(name, build, out)
