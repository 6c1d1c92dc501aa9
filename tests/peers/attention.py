"""PyTorch's attention on the shapes of `cargo bench -p recode-kernels --bench attention`: time and useful GFLOP/s.

Run beside the benchmark, with as many threads: `OMP_NUM_THREADS=2 python tests/peers/attention.py`. Attention is
`scaled_dot_product_attention(is_causal=True)`, keys and values repeated for grouped heads as transformers does. The group of
completions behind one prompt, which it cannot share, is a batch of whole sequences; the GFLOP/s count the shared work,
as ours do. A time is the shortest of many.
"""

import time

import torch
from torch.nn.functional import scaled_dot_product_attention

SMOLLM2 = (9, 3, 64)
QWEN2 = (14, 2, 64)


def shortest(run):
    begin, best, count = time.perf_counter(), float("inf"), 0
    while count < 3 or time.perf_counter() - begin < 1:
        one = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - one)
        count += 1
    return best


def line(name, step, seconds, flops):
    print(f"{name:<38} {step:>6} {seconds * 1e3:>10.3f} {flops / seconds / 1e9:>8.1f}")


def bench(name, sizes, batch, n, pairs):
    """`pairs` of query and key are needed, however many the batch has."""
    heads, kv_heads, size = sizes
    q = torch.rand(batch, heads, n, size, requires_grad=True)
    k, v = (torch.rand(batch, kv_heads, n, size, requires_grad=True) for _ in range(2))
    d_out = torch.rand(batch, heads, n, size)

    def forward():
        repeated = (x.repeat_interleave(heads // kv_heads, dim=1) for x in (k, v))
        return scaled_dot_product_attention(q, *repeated, is_causal=True)

    def both():
        q.grad = k.grad = v.grad = None
        forward().backward(d_out)

    with torch.no_grad():
        forward_seconds = shortest(forward)
    products = 2 * pairs * heads * size
    line(name, "fwd", forward_seconds, 2 * products)
    line(name, "bwd", max(shortest(both) - forward_seconds, 1e-9), 5 * products)


def causal(n):
    return n * (n + 1) // 2


print(f"torch {torch.__version__}, threads {torch.get_num_threads()}")
print(f"{'shape':<38} {'pass':>6} {'ms':>10} {'GFLOP/s':>8}")
shared = causal(240) + 8 * (causal(368) - causal(240))
bench("SmolLM2, 240 + 8 x 128", SMOLLM2, 8, 368, shared)
for n in (368, 1024, 4096):
    bench(f"SmolLM2, causal {n}", SMOLLM2, 1, n, causal(n))
bench("Qwen2.5-0.5B, causal 1024", QWEN2, 1, 1024, causal(1024))
