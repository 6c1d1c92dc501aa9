"""One part of the reward at a time, for one completion."""

from __future__ import annotations

from ._native import score
from ._types import Comparison, Mode


def format_reward(completion: str, *, mode: Mode = "strict") -> float:
    """+1 for thinking that is closed and one answer in its tags behind it, else -1."""
    # The format is the completion's alone.
    return score(completion, "", mode=mode)["format"]


def es_star(completion: str, target: str, *, mode: Mode = "strict", comparison: Comparison = "characters") -> float:
    """ES*: ``3.5 s - 1.5``, ``s`` the edit similarity of the answer's code and the target; -2 where there is no code to compare."""
    return score(completion, target, mode=mode, comparison=comparison)["es_star"]


def em_star(completion: str, target: str, *, mode: Mode = "strict", comparison: Comparison = "characters") -> float:
    """EM*: 2 if the answer's code equals the target, else -1.5; -2 where there is no code to compare."""
    return score(completion, target, mode=mode, comparison=comparison)["em_star"]


def edit_gain(
    completion: str, target: str, old_code: str, *, mode: Mode = "strict", comparison: Comparison = "characters"
) -> float:
    """What is gained over copying the old code, in [-2, 2]; -0.8 for a copy.

    Raises:
        ValueError: old code or target is not Python, so that there is nothing to count from.
    """
    gain = score(completion, target, old_code=old_code, mode=mode, comparison=comparison)["edit_gain"]
    if gain is None:
        raise ValueError(
            "old_code or target cannot be compared, so there is no edit_gain: leave the row out (recode_reward.audit names such rows)"
        )
    return gain
