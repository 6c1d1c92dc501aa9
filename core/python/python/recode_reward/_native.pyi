from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ._types import AuditReport, Breakdown, Comparison, Missing, Mode, Overlong, Part, Prompt

__all__ = ["__version__", "audit", "check_rubric", "explain", "prompt", "score", "score_batch", "target_fault"]

__version__: str

def score(
    completion: str,
    target: str,
    *,
    old_code: str | None = None,
    length: int | None = None,
    mode: Mode = "strict",
    comparison: Comparison = "characters",
    weights: Mapping[Part, float] | None = None,
    overlong: Overlong | None = None,
    missing: Missing = "raise",
) -> Breakdown: ...
def score_batch(
    completions: Iterable[str],
    targets: Iterable[str],
    *,
    old_codes: Iterable[str | None] | None = None,
    lengths: Iterable[int | None] | None = None,
    threads: int | None = None,
    mode: Mode = "strict",
    comparison: Comparison = "characters",
    weights: Mapping[Part, float] | None = None,
    overlong: Overlong | None = None,
    missing: Missing = "raise",
) -> list[Breakdown]: ...
def explain(
    completion: str,
    target: str,
    *,
    old_code: str | None = None,
    length: int | None = None,
    mode: Mode = "strict",
    comparison: Comparison = "characters",
    weights: Mapping[Part, float] | None = None,
    overlong: Overlong | None = None,
) -> tuple[dict[str, Any], str]: ...
def check_rubric(
    *,
    mode: Mode = "strict",
    comparison: Comparison = "characters",
    weights: Mapping[Part, float] | None = None,
    overlong: Overlong | None = None,
) -> None: ...
def target_fault(target: str, mode: Mode) -> str | None: ...
def prompt(dependency: str, new_version: str, update_info: str, old_code: str) -> Prompt: ...
def audit(
    rows: Iterable[Mapping[str, Any]],
    *,
    max_prompt_length: int | None = None,
    prompt_length: Callable[[str], int] | None = None,
) -> AuditReport: ...
