"""Reward functions for TRL: ``f(completions, **columns) -> list[float]``.

>>> from recode_reward.trl import reward_function
>>> reward = reward_function(weights={"format": 1, "edit_gain": 1})
>>> answer = "It is gone.</think><answer>\\n```python\\nnp.vstack(rows)\\n```\\n</answer>"
>>> reward(completions=[answer], target=["np.vstack(rows)"], old_code=["np.row_stack(rows)"])
[3.0]

and ``GRPOTrainer(reward_funcs=reward, …)``. The columns are those of the data set, as TRL hands them over: ``target`` or ``new_code``,
``old_code``; lengths for ``overlong`` are those of ``completion_ids``. Completions are texts or lists of chat messages.

Where the thinking begins: the rules want a completion that begins inside it. For a prompt that is a text, end it with ``<think>`` (the paper's
does: ``recode_reward.prompt(…)["chatml"]``). For a prompt of chat messages TRL opens the assistant's turn by the chat template; unless that ends
with ``<think>`` itself, the policy writes the tag, so use ``prefilled=False``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ._completion import check_prefilled, judged, text_of
from ._native import check_rubric, score_batch, target_fault
from ._text import data_text, listed
from ._types import Breakdown, Comparison, Missing, Mode, Overlong, Part

__all__ = ["RewardFunction", "edit_gain", "em_star", "es_star", "format_reward", "reward", "reward_function"]

_PAPER: Mapping[Part, float] = {"format": 1.0, "es_star": 1.0}

# Parts that the completion alone decides: they want no target.
_OF_THE_COMPLETION = frozenset({"format", "repetition", "overlong"})
_FROM_OLD_CODE = frozenset({"edit_gain", "api_adopted", "api_left"})

_LEAVE_OUT = "Leave such rows out (recode_reward.audit names them), or use missing='none', which gives None"


class RewardFunction:
    """A reward function for TRL: the weighted sum of the parts, as the native trainer counts it.

    A class, so that it can be pickled and sent to other processes.

    Args:
        name: What TRL logs it by (``rewards/<name>/mean``): the part's name where there is one, else ``recode``.
        weights: The parts of the sum; the paper's ``{"format": 1, "es_star": 1}`` where None.
        mode, comparison, overlong: As for ``recode_reward.score``; lengths are counted in tokens.
        target: The column with the right code; ``target``, else ``new_code``, where None.
        old_code: The column with the old code; ``old_code`` where None.
        prefilled: Whether the prompt ends with ``<think>``; False: the policy writes it.
        missing: What a row is worth that has no target, whose target is not Python, or whose old code cannot be compared: an error, or None,
            which TRL leaves out. By the paper's rules a target need not be Python, as for the reference.
        threads: All cores where None.

    Raises:
        ValueError: settings that do not go together.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        weights: Mapping[Part, float] | None = None,
        mode: Mode = "strict",
        comparison: Comparison = "characters",
        overlong: Overlong | None = None,
        target: str | None = None,
        old_code: str | None = None,
        prefilled: bool = True,
        missing: Missing = "raise",
        threads: int | None = None,
    ) -> None:
        check_rubric(mode=mode, comparison=comparison, weights=weights, overlong=overlong)
        if missing not in ("raise", "none"):
            raise ValueError(f"missing is {missing!r}: use 'raise' or 'none'")
        check_prefilled(prefilled)
        for argument, value in (("name", name), ("target", target), ("old_code", old_code)):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{argument} is {type(value).__name__}, expected str")
        # Plain dicts: what a configuration library makes of them may not be picklable.
        self.weights: dict[Part, float] = {part: float(weight) for part, weight in (_PAPER if weights is None else weights).items()}
        self.overlong: Overlong | None = None
        if overlong is not None:
            self.overlong = {"max_length": int(overlong["max_length"]), "buffer": int(overlong["buffer"])}
        self.mode: Mode = mode
        self.comparison: Comparison = comparison
        self.target = target
        self.old_code = old_code
        self.prefilled = prefilled
        self.missing: Missing = missing
        self.threads = threads
        self.__name__ = name or (next(iter(self.weights)) if len(self.weights) == 1 else "recode")

    def __repr__(self) -> str:
        return f"<reward function {self.__name__}: {self.weights}, {self.mode}, by {self.comparison}>"

    def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float | None]:
        """The rewards of the completions; None for a row that has none, where ``missing`` permits it."""
        texts = [
            judged(text_of(completion, f"completions[{index}]"), self.prefilled)
            for index, completion in enumerate(listed(completions, "completions", "texts or of chats"))
        ]
        count = len(texts)
        targets = self._targets(columns, count)
        old_codes = self._texts(columns, "old_code", [self.old_code or "old_code"], count, _FROM_OLD_CODE)
        lengths = None
        if self.overlong is not None:
            ids = self._column(columns, "completion_ids", ["completion_ids"], count, frozenset({"overlong"}))
            if ids is not None:
                name, tokens = ids
                lengths = [len(listed(row, f"row {index} of column {name}", "token ids")) for index, row in enumerate(tokens)]

        rows = [index for index in range(count) if self._has_reward(index, targets, old_codes)]
        scored = score_batch(
            [texts[index] for index in rows],
            [targets[index] or "" for index in rows],
            old_codes=None if old_codes is None else [old_codes[index] for index in rows],
            lengths=None if lengths is None else [lengths[index] for index in rows],
            threads=self.threads,
            mode=self.mode,
            comparison=self.comparison,
            weights=self.weights,
            overlong=self.overlong,
            missing="none",
        )
        rewards: list[float | None] = [None] * count
        # The completions of a group share their target.
        faults = {target: self._fault(target) for target in targets}
        for index, breakdown in zip(rows, scored):
            rewards[index] = self._total(breakdown, faults[targets[index]], index)
        self._log_parts(columns.get("log_metric"), scored)
        return rewards

    def _targets(self, columns: Mapping[str, Any], count: int) -> list[str | None]:
        names = [self.target] if self.target else ["target", "new_code"]
        values = self._texts(columns, "target", names, count, frozenset(self.weights) - _OF_THE_COMPLETION)
        return [""] * count if values is None else values

    def _texts(
        self, columns: Mapping[str, Any], argument: str, names: Sequence[str], count: int, parts: frozenset[str]
    ) -> list[str | None] | None:
        """A column of texts, which ``parts`` cannot do without; None where there is none, or the completion decides alone."""
        column = None if _OF_THE_COMPLETION.issuperset(self.weights) else self._column(columns, argument, names, count, parts)
        if column is None:
            return None
        name, values = column
        wanted = next((part for part in self.weights if part in parts), None)
        for index, value in enumerate(values):
            at = f"row {index} of column {name}"
            if value is not None:
                data_text(value, at)
            elif wanted is not None and self.missing == "raise":
                raise ValueError(f"{at} is None, and {wanted} counts from it. {_LEAVE_OUT}")
        return values

    def _column(
        self, columns: Mapping[str, Any], argument: str, names: Sequence[str], count: int, parts: frozenset[str]
    ) -> tuple[str, list[Any]] | None:
        """The first of the columns, with its name; None where there is none and no part with a weight is made of it."""
        for name in names:
            values = columns.get(name)
            if values is None:
                continue
            column = listed(values, f"column {name}", "values, one for each completion")
            if len(column) != count:
                raise ValueError(f"column {name} has {len(column)} values for {count} completions: expected one value for each")
            return name, column
        wanted = [part for part in self.weights if part in parts]
        if wanted:
            there = ", ".join(sorted(columns)) or "none"
            way_out = "" if argument == "completion_ids" else f"; {argument}= names another"
            raise ValueError(
                f"no column {' or '.join(names)}, which {wanted[0]} is made of (columns: {there}){way_out}"
            )
        return None

    def _has_reward(self, index: int, targets: Sequence[str | None], old_codes: Sequence[str | None] | None) -> bool:
        counts_old_code = any(part in _FROM_OLD_CODE for part in self.weights)
        return targets[index] is not None and not (counts_old_code and old_codes is not None and old_codes[index] is None)

    def _fault(self, target: str | None) -> str | None:
        """Why no answer can meet the target, where the reward asks for one."""
        return None if target is None or _OF_THE_COMPLETION.issuperset(self.weights) else target_fault(target, self.mode)

    def _total(self, breakdown: Breakdown, fault: str | None, index: int) -> float | None:
        if fault is None and breakdown["total"] is None:
            part = next(part for part in self.weights if breakdown.get(part) is None)
            fault = f"has no {part}: its old code and target cannot be compared"
        if fault is not None and self.missing == "raise":
            raise ValueError(f"row {index} of the batch {fault}. {_LEAVE_OUT}")
        return breakdown["total"] if fault is None else None

    def _log_parts(self, log_metric: Callable[[str, float], None] | None, scored: Sequence[Breakdown]) -> None:
        """Tells TRL the mean of each part: of a sum alone nobody can see what moved it."""
        if log_metric is None or len(self.weights) == 1 or self.missing == "none":
            # A part that some processes have and others do not would make them wait for each other.
            return
        for part in self.weights:
            values = [value for value in (breakdown.get(part) for breakdown in scored) if value is not None]
            if values:
                log_metric(f"rewards/{self.__name__}/{part}", sum(values) / len(values))


# What reads best where one is made.
reward_function = RewardFunction

reward = reward_function()
"""The paper's: format and ES*, by the strict rules."""

format_reward = reward_function(name="format_reward", weights={"format": 1})
"""+1 for the asked-for tags, else -1. Wants no target."""

es_star = reward_function(weights={"es_star": 1})
"""Edit similarity."""

em_star = reward_function(weights={"em_star": 1})
"""Exact match."""

edit_gain = reward_function(weights={"edit_gain": 1})
"""What is gained over copying the old code."""
