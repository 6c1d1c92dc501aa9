"""Reward functions for verl: ``compute_score(data_source, solution_str, ground_truth, extra_info=None)``.

::

    reward.custom_reward_function.path=pkg://recode_reward.verl
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.weights={format:1,edit_gain:1}

``ground_truth`` is the target, or a struct with ``target`` (or ``new_code``) and ``old_code``; ``extra_info`` may have the old code as well.
What comes back is a dict, as verl's reward managers take it: ``score`` is the reward, the other numbers are logged beside it, and validation
reports ``acc``, the share of exact matches.

Every answer has the same keys: verl takes the keys of the first of a batch for all.

Source of the calling convention: verl 0.9.1, ``experimental/reward_loop/reward_manager/naive.py`` (one at a time, by keywords, in threads) and
``workers/reward_manager/batch.py`` (``compute_score_batched``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._completion import check_prefilled, judged
from ._native import check_rubric, score, score_batch, target_fault
from ._text import data_text, listed
from ._types import Breakdown, Comparison, Mode, Part

__all__ = ["compute_score", "compute_score_batched"]

_PAPER: Mapping[Part, float] = {"format": 1.0, "es_star": 1.0}
_EXACT = 2.0
_LEAVE_OUT = "leave the row out (recode_reward.audit names such rows)"


def compute_score(
    data_source: Any,
    solution_str: str,
    ground_truth: Any,
    extra_info: Any = None,
    *,
    mode: Mode = "strict",
    comparison: Comparison = "characters",
    weights: Mapping[Part, float] | None = None,
    prefilled: bool = True,
    reward_router_address: Any = None,
    reward_model_tokenizer: Any = None,
) -> dict[str, float]:
    """The reward of one response, with its parts.

    Args:
        data_source: Not looked at.
        solution_str: The response, decoded.
        ground_truth: The target, or a struct with it and the old code.
        extra_info: May have ``old_code``.
        mode, comparison, weights: As for ``recode_reward.score``, from ``reward_kwargs``.
        prefilled: Whether the prompt ends with ``<think>``; False: the policy writes it.
        reward_router_address, reward_model_tokenizer: Not looked at; verl gives them where a reward model runs too.

    Raises:
        TypeError, ValueError: no target, one that is not Python (which the paper's rules do not ask for), or a part with a weight
            that cannot be had.
    """
    _refuse_overlong(weights)
    target, old_code = _row(ground_truth, extra_info, "", mode)
    _require_str(solution_str, "solution_str")
    check_prefilled(prefilled)
    breakdown = score(
        judged(solution_str, prefilled),
        target,
        old_code=old_code,
        mode=mode,
        comparison=comparison,
        weights=weights,
        missing="none",
    )
    return _answer(breakdown, weights, "")


def compute_score_batched(
    data_sources: Sequence[Any],
    solution_strs: Sequence[str],
    ground_truths: Sequence[Any],
    extra_infos: Sequence[Any] | None = None,
    *,
    mode: Mode = "strict",
    comparison: Comparison = "characters",
    weights: Mapping[Part, float] | None = None,
    prefilled: bool = True,
    threads: int | None = None,
) -> list[dict[str, float]]:
    """The rewards of a batch, for verl's reward manager ``batch``; on all cores where ``threads`` is None."""
    _refuse_overlong(weights)
    check_prefilled(prefilled)
    solution_strs = listed(solution_strs, "solution_strs", "str")
    count = len(solution_strs)
    truths = listed(ground_truths, "ground_truths", "targets")
    extras = [None] * count if extra_infos is None else listed(extra_infos, "extra_infos", "dicts")
    for name, values in (("ground_truths", truths), ("extra_infos", extras)):
        if len(values) != count:
            raise ValueError(f"{name} has {len(values)} items, but there are {count} solution_strs: expected one for each")
    rows = [_row(truths[index], extras[index], f"s[{index}]", mode) for index in range(count)]
    for index, solution in enumerate(solution_strs):
        _require_str(solution, f"solution_strs[{index}]")
    breakdowns = score_batch(
        [judged(solution, prefilled) for solution in solution_strs],
        [target for target, _ in rows],
        old_codes=[old_code for _, old_code in rows],
        threads=threads,
        mode=mode,
        comparison=comparison,
        weights=weights,
        missing="none",
    )
    return [_answer(breakdown, weights, f"s[{index}]") for index, breakdown in enumerate(breakdowns)]


def _refuse_overlong(weights: Mapping[Part, float] | None) -> None:
    if weights is not None and "overlong" in weights:
        raise ValueError(
            "weights: verl does not say how many tokens a response has, which overlong counts; its reward manager dapo has the same penalty: "
            "reward.reward_kwargs.overlong_buffer_cfg"
        )


def _require_str(solution: Any, name: str) -> None:
    if not isinstance(solution, str):
        raise TypeError(f"{name} is {type(solution).__name__}, expected str")


def _row(ground_truth: Any, extra_info: Any, at: str, mode: Mode) -> tuple[str, str | None]:
    """Target and old code of a row; ``at`` says where it stands. What is logged beside the reward asks for a target, whatever the weights."""
    name = f"ground_truth{at}"
    truth = _unwrapped(ground_truth)
    target, old_code = truth, None
    if isinstance(truth, Mapping):
        target = _unwrapped(truth.get("target"))
        if target is None:
            target = _unwrapped(truth.get("new_code"))
        if target is None:
            raise ValueError(f"{name} has neither target nor new_code, but {', '.join(map(str, truth)) or 'nothing'}")
        old_code = _unwrapped(truth.get("old_code"))
    if not isinstance(target, str):
        raise TypeError(f"{name} is {type(target).__name__}, expected the target as str, or a dict with target and old_code")
    info = _unwrapped(extra_info)
    if info is not None and not isinstance(info, Mapping):
        raise TypeError(f"extra_info{at} is {type(info).__name__}, expected a dict or None")
    if old_code is None and info is not None:
        old_code = _unwrapped(info.get("old_code"))
    fault = target_fault(data_text(target, name), mode)
    if fault is not None:
        raise ValueError(f"the row of {name} {fault}; {_LEAVE_OUT}")
    return target, None if old_code is None else data_text(old_code, f"old_code of {name}")


def _unwrapped(value: Any) -> Any:
    """What numpy wraps for a batch: an array of no dimension is its one value."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    return value


def _answer(breakdown: Breakdown, weights: Mapping[Part, float] | None, at: str) -> dict[str, float]:
    parts: list[Part] = ["format", "es_star", "em_star"]
    parts += [part for part in (weights or _PAPER) if part not in parts]
    answer: dict[str, float] = {"score": 0.0, "acc": float(breakdown["em_star"] == _EXACT)}
    for part in parts:
        value = breakdown.get(part)
        if value is None:
            raise ValueError(
                f"the row of ground_truth{at} has no {part}: its old code and target cannot be compared; {_LEAVE_OUT}"
            )
        answer[part] = float(value)
    total = breakdown["total"]
    assert total is not None, "a total is missing where a part is"
    answer["score"] = total
    answer["syntax_ok"] = float(breakdown["syntax_ok"])
    return answer
