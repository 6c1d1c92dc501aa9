#!/usr/bin/env python3
"""Check that peft and transformers read what recode-kernels writes, and compute the same with it.

usage:  RECODE_HANDOVER=DIR cargo test --release -p recode-kernels --test golden handover
        check_peft.py DIR
needs: torch, transformers, peft

For each golden model DIR/NAME holds an adapter that recode-kernels initialised and trained for a few steps, `merged/` with
that adapter in the weights, and `logprobs.json` with what it computed. Exit code 1 where a log-probability differs by more
than 1e-4, or a file is not as peft or transformers would write it."""
import json
import pathlib
import sys

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent


@torch.no_grad()
def logprobs(model, case):
    found = []
    for completion in case["completions"]:
        logits = model(input_ids=torch.tensor([case["prompt"] + completion])).logits[0, len(case["prompt"]) - 1 : -1]
        found += torch.log_softmax(logits.float(), -1).gather(1, torch.tensor(completion)[:, None])[:, 0].tolist()
    return found


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


failed = False
for folder in sorted(path for path in pathlib.Path(sys.argv[1]).iterdir() if path.is_dir()):
    case = json.loads((HERE / folder.name.split("-")[0] / "case.json").read_text())
    expected = json.loads((folder / "logprobs.json").read_text())
    base = load(HERE / folder.name.split("-")[0])
    unadapted = logprobs(base, case)
    model = PeftModel.from_pretrained(base, folder).eval()
    ours = load_file(folder / "adapter_model.safetensors")
    theirs = get_peft_model_state_dict(model)
    same = set(ours) == set(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)
    for what, found in (("peft", logprobs(model, case)), ("merged", logprobs(load(folder / "merged"), case))):
        worst = max(abs(a - b) for a, b in zip(found, expected, strict=True))
        moved = max(abs(a - b) for a, b in zip(found, unadapted, strict=True))
        good = worst < 1e-4 and moved > 1e-2 and same
        failed |= not good
        print(f"{folder.name:14} {what:7} log-probabilities differ by {worst:.1e}, from the base's by {moved:.2f}; "
              f"tensors {'the same' if same else 'DIFFER'}: {'ok' if good else 'WRONG'}")
sys.exit(failed)
