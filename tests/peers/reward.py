#!/usr/bin/env python3
"""Completions a second of the reference's reward functions, as a peer of `cargo bench -p recode-core --bench reward`, which runs it.

usage: reward.py PATH/TO/ReCode/src/DAPO/reward.py < CASES.jsonl
Format, ES* and EM* of every case, one core; prints the best rate of several rounds over all of them within some seconds. Where the
reference raises, the case counts all the same."""
import importlib.util, json, sys, time

SECONDS = 20
spec = importlib.util.spec_from_file_location("reward", sys.argv[1])
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)
cases = [(case["completion"], case["target"]) for case in map(json.loads, sys.stdin)]


def score(completion, target):
    reference.format_reward([completion])
    for reward in (reference.es_star, reference.em_star):
        try:
            reward([completion], [target])
        except Exception:
            pass


best, begun = float("inf"), time.perf_counter()
while time.perf_counter() - begun < SECONDS:
    start = time.perf_counter()
    for completion, target in cases:
        score(completion, target)
    best = min(best, time.perf_counter() - start)
print(len(cases) / best)
