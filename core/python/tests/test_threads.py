"""A batch lets other threads run, uses every core, hears Ctrl-C, and survives a fork."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import NEW, OLD, answered

import recode_reward

# Two codes with little in common: a comparison of some 100 ms.
LONG = answered("\n".join(f"alpha_{i} = [{i}, 'é{i * i}']" for i in range(1500)))
LONG_TARGET = "\n".join(f"b{i * 7} = {{'k{i}': f(*x[{i}:])}}" for i in range(1500))


def batch(count: int, threads: int | None = None) -> float:
    """Scores some long completions; how long it took."""
    begin = time.perf_counter()
    completions = [f"{i}{LONG}" for i in range(count)]
    assert len(recode_reward.score_batch(completions, [LONG_TARGET] * count, threads=threads)) == count
    return time.perf_counter() - begin


def a_second() -> int:
    """How many of them take about a second on one thread."""
    return max(4, int(1.0 / (batch(2, threads=1) / 2)))


def test_other_threads_run_during_a_batch() -> None:
    count = a_second()
    done = threading.Event()
    ticks: list[float] = []

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.01)

    ticker = threading.Thread(target=tick)
    ticker.start()
    begin = time.perf_counter()
    batch(count, threads=1)
    end = time.perf_counter()
    done.set()
    ticker.join()
    # A hundred if nothing else is going on; with the GIL held there would be none but at the ends.
    assert sum(begin < at < end for at in ticks) > 10


def test_every_core_is_used() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores < 2:
        pytest.skip("one core")
    count = 2 * a_second()
    one, all_cores = (min(batch(count, threads) for _ in range(2)) for threads in (1, None))
    print(f"\n{count} long completions: {one:.2f} s on one thread, {all_cores:.2f} s on {cores} cores: {one / all_cores:.2f} times as fast")
    # What is gained depends on what else the machine does, so it is told and not asked for; losing by more threads would be a fault.
    assert all_cores < 1.5 * one


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send")
def test_ctrl_c_ends_a_batch_and_not_the_module() -> None:
    program = f"""
import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_threads import *
# Whoever started the tests may ignore it, as a shell does for what runs in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
count = 30 * a_second()
print("ready", flush=True)
try:
    batch(count)
except KeyboardInterrupt:
    print("interrupted", recode_reward.score(answered(NEW), NEW)["total"], flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    assert process.stdout.readline() == "interrupted 3.0\n"
    assert time.monotonic() - begin < 5
    assert process.wait() == 0


def test_many_callers_at_once_agree() -> None:
    expected = recode_reward.score_batch([answered(NEW), answered(OLD)], [NEW] * 2, old_codes=[OLD] * 2)
    with ThreadPoolExecutor(8) as pool:
        futures = [
            pool.submit(recode_reward.score_batch, [answered(NEW), answered(OLD)], [NEW] * 2, old_codes=[OLD] * 2)
            for _ in range(200)
        ]
        assert all(future.result() == expected for future in futures)


def totals(completion: str) -> float | None:
    return recode_reward.score_batch([completion] * 8, [NEW] * 8)[-1]["total"]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_scores_too() -> None:
    assert totals(answered(NEW)) == 3.0
    with multiprocessing.get_context("fork").Pool(2) as pool:
        # A pool of threads that lives on would be waited for here for ever.
        assert pool.map_async(totals, [answered(NEW)] * 4).get(timeout=60) == [3.0] * 4


def test_more_threads_than_anybody_has_are_as_many_as_there_is_work() -> None:
    for threads in (2**40, 2**62, 2**63):
        assert recode_reward.score_batch(["x"], ["x"], threads=threads)[0]["total"] == -3.0
