"""The shapes of what goes in and comes out, for type checkers."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Mode = Literal["strict", "paper"]
"""Whose rules: the mended and guarded ones, or those of the paper's code with its faults."""

Comparison = Literal["characters", "tokens", "tree"]
"""What two codes are compared by."""

Part = Literal["format", "es_star", "em_star", "edit_gain", "api_adopted", "api_left", "repetition", "overlong"]
"""What a total can be made of."""

Missing = Literal["raise", "none"]
"""What a row is worth of which a part with a weight cannot be had: an error, or None."""


class Overlong(TypedDict):
    """From which length on a completion is penalized: from 0 to -1 over the last ``buffer`` of ``max_length``."""

    max_length: int
    buffer: int


class ApiUse(TypedDict):
    """The API names that a migration brings and takes, and what the answer does with them."""

    adopted: list[str]
    missing: list[str]
    left: list[str]
    gone: list[str]


class SyntaxFault(TypedDict):
    """Why code is not Python; line and column count from 1."""

    message: str
    line: int
    column: int


class _Reason(TypedDict):
    reason: Literal[
        "no_code", "answer_not_python", "empty_code", "several_answers", "foreign_name", "target_not_python", "reference_raises"
    ]


class Withheld(_Reason, total=False):
    """Why there was no code reward; beside ``reason`` stands what belongs to it."""

    searched: Literal["answer", "after_thinking", "completion"]
    """Of ``no_code``: where code was looked for."""
    error: SyntaxFault
    """Of ``answer_not_python`` and ``target_not_python``."""
    answers: int
    """Of ``several_answers``: how many."""
    name: str
    """Of ``foreign_name``."""
    exception: str
    """Of ``reference_raises``: what the paper's code raises here."""


class _Always(TypedDict):
    format: float
    es_star: float
    em_star: float
    edit_gain: float | None
    total: float | None
    syntax_ok: bool
    similarity: float | None
    baseline: float | None
    withheld: Withheld | None


class Breakdown(_Always, total=False):
    """A completion's rewards, part by part; the last five are there where they could be had.

    ``total`` is the weighted sum, None where a part with a weight could not be had (old code that is not Python, say). ``withheld`` says by its
    ``reason`` why there is no code reward.
    """

    api_adopted: float
    api_left: float
    repetition: float
    overlong: float
    api: ApiUse


class AuditRow(TypedDict):
    """What was found in a row; each finding has its ``kind``, a ``message`` in words, and what belongs to it."""

    row: int
    sound: bool
    findings: list[dict[str, Any]]


class Spellings(TypedDict):
    """A library under more than one name."""

    usual: str
    names: dict[str, int]


class AuditReport(TypedDict):
    """What is wrong with a data set: ``rows`` has those with findings alone, of ``total`` rows ``sound`` can be trained on."""

    total: int
    sound: int
    counts: dict[str, int]
    spellings: list[Spellings]
    rows: list[AuditRow]


class Prompt(TypedDict):
    """The paper's prompt, in its parts and whole. The policy goes on behind ``prefill``, inside its thinking."""

    system: str
    user: str
    prefill: str
    chatml: str
