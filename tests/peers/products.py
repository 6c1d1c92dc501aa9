"""Times PyTorch's products for `cargo bench -p recode-kernels --bench products -- --peer PYTHON`.

Reads lines `op N I O precision products seconds` and answers each with the shortest time of a run in seconds. Weights are
f32 throughout: on the CPU that is PyTorch's fast path, and ours computes in f32 too, whatever it keeps weights in.
"""

import sys
import time

import torch
import torch.nn.functional as F


def linear(n, i, o, weights):
    x = torch.randn(n, i)
    ws = [torch.randn(o, i) for _ in range(weights)]
    return lambda: [F.linear(x, w) for w in ws]


def linear_backward_input(n, i, o, _):
    d_y, w = torch.randn(n, o), torch.randn(o, i)
    return lambda: d_y @ w


def linear_backward_weight(n, i, o, _):
    d_y, x = torch.randn(n, o), torch.randn(n, i)
    return lambda: d_y.t() @ x


def logprobs(hidden, w, tokens):
    logits = F.linear(hidden, w)
    return (logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(1)).sum()


def linear_logprob(n, c, v, _):
    hidden, w, tokens = torch.randn(n, c), torch.randn(v, c), torch.randint(v, (n,))

    def run():
        with torch.no_grad():
            return [logprobs(h, w, t) for h, t in zip(hidden.split(128), tokens.split(128))]

    return run


def linear_logprob_backward(n, c, v, _):
    hidden, w, tokens = torch.randn(n, c), torch.randn(v, c), torch.randint(v, (n,))

    def run():
        # Formed again as ours is, in pieces that fit into memory.
        for h, t in zip(hidden.split(128), tokens.split(128)):
            logprobs(h.detach().requires_grad_(), w, t).backward()

    return run


OPS = {f.__name__: f for f in (linear, linear_backward_input, linear_backward_weight, linear_logprob, linear_logprob_backward)}


def shortest(run, seconds):
    run()
    start, best, runs = time.perf_counter(), float("inf"), 0
    while runs < 3 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - before)
        runs += 1
    return best


def main():
    torch.set_num_threads(int(sys.argv[1]))
    for line in sys.stdin:
        op, n, i, o, _precision, products, seconds = line.split()
        print(shortest(OPS[op](int(n), int(i), int(o), int(products)), float(seconds)), flush=True)


if __name__ == "__main__":
    main()
