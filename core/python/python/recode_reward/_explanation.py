"""Why a completion is worth what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _native
from ._types import Comparison, Mode, Overlong, Part


class Explanation(dict[str, Any]):
    """An explanation as data, a dict such as ``recode-trainer score --explain`` writes; ``str()`` and ``print`` give the text for a person."""

    text: str = ""

    def __str__(self) -> str:
        return self.text


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
) -> Explanation:
    """Explains what ``score`` says of the same arguments: where thinking, answer and code stand, what was left out, what each part gave and why."""
    data, text = _native.explain(
        completion,
        target,
        old_code=old_code,
        length=length,
        mode=mode,
        comparison=comparison,
        weights=weights,
        overlong=overlong,
    )
    explanation = Explanation(data)
    explanation.text = text
    return explanation
