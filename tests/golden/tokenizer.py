#!/usr/bin/env python3
"""What transformers makes of the migration prompts of a data set, as one checksum: the numbers in tokenizer.json.

usage: tokenizer.py SMOLLM2_DIR API_UPDATE.jsonl > tokenizer.json
The prompt is put together here from the paper's text, and tokenized with special tokens read and none added. Completions (the new code) are
tokenized by themselves and decoded again. FNV-1a (64 bits) over each id as four bytes, little end first, a prompt's ids and then its completion's."""
import json, re, sys
import transformers
from transformers import AutoTokenizer

SYSTEM = ("You are a helpful coding assistant. Your task is to transform the old version of the code into the new version specified, based on "
          "the update information. You first thinks about the reasoning process in the mind and then provides the solution.")
USER = """
{dependency} performed an API update in version {version}, and the update content includes:
<doc>
{update_info}
</doc>
The old version of the code is:
```python
{old_code}
```

Show your work in <think> </think> tags. And return the final code in <answer> </answer>, the code within <answer></answer> should be enclosed in ```python ``` tags.
"""
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
checksum, rows, tokens, longest = 0xCBF29CE484222325, 0, 0, 0
for line in open(sys.argv[2], encoding="utf-8"):
    row = json.loads(line)
    if any(not isinstance(value, str) for value in row.values()):
        continue
    version = re.sub(r"^\s*(===|==|>=|<=|~=|!=|>|<)?\s*", "", row["new_version"]).rstrip()
    messages = [("system", SYSTEM), ("user", USER.format(version=version, **row))]
    text = "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in messages)
    text += "<|im_start|>assistant\nLet me solve this step by step.\n<think>"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    completion = tokenizer(row["new_code"], add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(completion) == row["new_code"]
    for token in ids + completion:
        for byte in token.to_bytes(4, "little"):
            checksum = (checksum ^ byte) * 0x100000001B3 % 2**64
    rows, tokens, longest = rows + 1, tokens + len(ids) + len(completion), max(longest, len(ids))
print(json.dumps(dict(rows=rows, tokens=tokens, longest_prompt=longest, fnv1a=f"{checksum:016x}", transformers=transformers.__version__)))
