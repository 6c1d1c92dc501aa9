"""The stubs say what the module does: mypy, strictly, on a program of a user's, and stubtest on the extension."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="types: mypy is not installed")

SAMPLE = """
import recode_reward
from recode_reward import Breakdown, Withheld, trl, verl

scored: Breakdown = recode_reward.score("completion", "target", old_code="old", weights={"format": 1, "edit_gain": 0.5})
total: float | None = scored["total"]
format: float = scored["format"]
adopted: list[str] = scored["api"]["adopted"] if "api" in scored else []
withheld: Withheld | None = scored["withheld"]
reason: str = "" if withheld is None else withheld["reason"]
batch: list[Breakdown] = recode_reward.score_batch(["a"], ["b"], old_codes=[None], lengths=[3], threads=2)
function: trl.RewardFunction = trl.reward_function(weights={"es_star": 1}, overlong={"max_length": 9, "buffer": 1})
rewards: list[float | None] = function(completions=["a"], target=["b"])
answer: dict[str, float] = verl.compute_score("data", "solution", "truth", None, comparison="tokens")
sound: int = recode_reward.audit([{"new_code": None}], max_prompt_length=9, prompt_length=len)["sound"]
text: str = str(recode_reward.explain("a", "b")) + recode_reward.prompt("a", "1", "b", "c")["chatml"]
"""

WRONG = [
    ('recode_reward.score("a", "b", weights={"edit_grain": 1})', "dict-item"),
    ('recode_reward.score("a", "b", "old")', "call-arg"),
    ('recode_reward.score("a", "b", mode="papers")', "arg-type"),
    ('recode_reward.score(b"a", "b")', "arg-type"),
    ('recode_reward.score("a", "b")["reward"]', "typeddict-item"),
    ('x: float = recode_reward.score("a", "b")["total"]', "assignment"),
]


def mypy(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "sample.py").write_text(program, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), "sample.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_program_that_is_right_passes_strict_mypy(tmp_path: Path) -> None:
    ran = mypy(SAMPLE, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_is_wrong_is_found_before_it_runs(tmp_path: Path) -> None:
    ran = mypy("import recode_reward\n" + "".join(line + "\n" for line, _ in WRONG), tmp_path)
    for number, (line, code) in enumerate(WRONG, 2):
        errors = [error for error in ran.stdout.splitlines() if error.startswith(f"sample.py:{number}:")]
        assert any(f"[{code}]" in error for error in errors), (line, ran.stdout)


def test_the_stubs_are_those_of_the_extension(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "recode_reward._native"], cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_package_itself_passes_strict_mypy(tmp_path: Path) -> None:
    source = Path(__file__).resolve().parents[1] / "python"
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "-p", "recode_reward"]
    ran = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
