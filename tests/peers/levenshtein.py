"""Times rapidfuzz (C++) for `cargo bench -p recode-core --bench similarity`.

Each line of stdin is a JSON object with pairs, their distances and the seconds to spend; each line of stdout the pairs a second of the best
round over all pairs. Needs the package rapidfuzz.
"""

import json
import sys
import time

from rapidfuzz.distance.Levenshtein import distance


def per_second(pairs, seconds):
    best = float("inf")
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        for a, b in pairs:
            distance(a, b)
        best = min(best, time.perf_counter() - start)
    return len(pairs) / best


for line in sys.stdin:
    cell = json.loads(line)
    pairs = [(a, b) for a, b in cell["pairs"]]
    for (a, b), expected in zip(pairs, cell["distances"], strict=True):
        assert distance(a, b) == expected, (distance(a, b), expected)
    print(per_second(pairs, cell["seconds"]), flush=True)
