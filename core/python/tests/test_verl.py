"""``compute_score``, called as verl 0.9.1 calls it; its files are named at each test."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import pickle
from collections import UserDict
from typing import Any

import pytest
from conftest import NEW, OLD, answered

from recode_reward import score
from recode_reward.verl import compute_score, compute_score_batched

KEYS = ["score", "acc", "format", "es_star", "em_star", "syntax_ok"]


def test_a_response_is_scored_as_natively() -> None:
    for code in (NEW, OLD, "rows ="):
        native = score(answered(code), NEW)
        answer = compute_score("recode", answered(code), NEW)
        assert answer["score"] == native["total"]
        assert {part: answer[part] for part in KEYS[2:]} == {part: native[part] for part in KEYS[2:]}  # type: ignore[literal-required]
        assert answer["acc"] == float(code == NEW)


def test_every_answer_has_the_same_keys_and_numbers_alone() -> None:
    # experimental/reward_loop/reward_loop.py: the keys of the first answer are looked up in all, and numpy makes an array of each.
    texts = [answered(NEW), answered(OLD), "", "no code", answered("rows ="), answered("# nothing")]
    answers = [compute_score("recode", text, NEW, {"old_code": old}) for text in texts for old in (OLD, None, "print rows")]
    assert all(list(answer) == KEYS for answer in answers)
    assert all(type(value) is float for answer in answers for value in answer.values())
    weighted = compute_score("recode", "", {"target": NEW, "old_code": OLD}, weights={"edit_gain": 1, "repetition": 0.5})
    assert list(weighted) == [*KEYS[:-1], "edit_gain", "repetition", "syntax_ok"]


def test_target_and_old_code_are_found_wherever_they_may_stand() -> None:
    weights: Any = {"edit_gain": 1}
    for ground_truth, extra_info in (
        (NEW, {"old_code": OLD}),
        ({"target": NEW, "old_code": OLD}, None),
        ({"new_code": NEW, "old_code": OLD}, {}),
        (UserDict({"target": NEW}), UserDict({"old_code": OLD})),
        ({"target": NEW, "old_code": OLD}, {"old_code": "x"}),
    ):
        answer = compute_score("recode", answered(OLD), ground_truth, extra_info, weights=UserDict(weights))
        assert answer["score"] == -0.8


def test_numpy_values_are_what_they_hold() -> None:
    numpy = pytest.importorskip("numpy")
    # What verl takes from a DataProto: elements of object arrays, numpy's own texts among them.
    truths = numpy.array([numpy.str_(NEW), {"target": NEW, "old_code": OLD}, numpy.array(NEW)], dtype=object)
    extra_info = {"old_code": numpy.str_(OLD), "index": numpy.int64(3), "tools": numpy.array([1, 2]), "num_turns": None}
    for ground_truth in truths:
        answer = compute_score(
            data_source=numpy.str_("recode"),
            solution_str=answered(OLD),
            ground_truth=ground_truth,
            extra_info=extra_info,
            weights={"format": 1, "edit_gain": numpy.float64(1)},
        )
        assert answer["score"] == pytest.approx(0.2)


def test_the_reward_loop_calls_it_by_keywords_in_a_thread() -> None:
    """trainer/ppo/reward.py (get_custom_reward_fn) and experimental/reward_loop/reward_manager/naive.py (run_single)."""

    def call_with_kwargs(raw_fn: Any, extra_kwargs: Any, *args: Any, **kwargs: Any) -> Any:
        return raw_fn(*args, **{**kwargs, **extra_kwargs})

    module = importlib.import_module("recode_reward.verl")  # pkg://recode_reward.verl
    reward_kwargs = {"weights": {"format": 1, "edit_gain": 1}, "comparison": "tokens"}
    loaded = functools.partial(call_with_kwargs, getattr(module, "compute_score"), reward_kwargs)
    assert not inspect.iscoroutinefunction(loaded)
    assert pickle.loads(pickle.dumps(compute_score)) is compute_score

    async def run_single(response: str) -> Any:
        extra_info: dict[str, Any] = {"old_code": OLD, "num_turns": None, "rollout_reward_scores": {}}
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            None,
            lambda: loaded(
                data_source="recode",
                solution_str=response,
                ground_truth=NEW,
                extra_info=extra_info,
                reward_router_address="127.0.0.1:1",
                reward_model_tokenizer=object(),
            ),
        )

    async def run_all() -> Any:
        return await asyncio.gather(*(run_single(text) for text in [answered(NEW), answered(OLD)] * 20))

    scores = [answer["score"] for answer in asyncio.run(run_all())]
    assert scores == [3.0, pytest.approx(0.2)] * 20


def test_the_batch_manager_calls_it_with_lists() -> None:
    """workers/reward_manager/batch.py (verify)."""
    extras = [{"old_code": OLD, "rollout_reward_scores": {}} for _ in range(3)]
    texts = [answered(NEW), answered(OLD), ""]
    answers = compute_score_batched(
        data_sources=["recode"] * 3, solution_strs=texts, ground_truths=[NEW] * 3, extra_infos=extras, weights={"edit_gain": 1}
    )
    assert answers == [
        compute_score("recode", text, NEW, extra, weights={"edit_gain": 1}) for text, extra in zip(texts, extras)
    ]
    assert compute_score_batched([], [], []) == []
    assert compute_score_batched(["recode"], texts[:1], [NEW])[0]["score"] == 3.0


def test_a_policy_that_opens_its_thinking_is_judged_as_one_that_goes_on() -> None:
    assert compute_score("recode", "<think>\n" + answered(NEW), NEW, prefilled=False)["score"] == 3.0
    assert compute_score("recode", "<think>\n" + answered(NEW), NEW)["score"] == 1.0


@pytest.mark.parametrize(
    ("ground_truth", "kwargs", "error", "says"),
    [
        (None, {}, TypeError, "ground_truth is NoneType, expected the target as str"),
        ({"answer": NEW}, {}, ValueError, "ground_truth has neither target nor new_code, but answer"),
        ({"target": 3}, {}, TypeError, "ground_truth is int"),
        ({"target": NEW, "old_code": 3}, {}, TypeError, "old_code of ground_truth is int"),
        (NEW, {"weights": {"edit_gain": 1}}, ValueError, "old_code is missing, from which edit_gain counts"),
        (NEW, {"weights": {"overlong": 1}}, ValueError, "reward.reward_kwargs.overlong_buffer_cfg"),
        ({"target": NEW, "old_code": "print x"}, {"weights": {"edit_gain": 1}}, ValueError, "the row of ground_truth has no edit_gain"),
        ("print x", {}, ValueError, "the row of ground_truth has a target that is not Python"),
        (NEW, {"prefilled": "no"}, TypeError, "prefilled is str"),
        (NEW, {"wieghts": {"format": 1}}, TypeError, "unexpected keyword argument 'wieghts'"),
    ],
)
def test_what_is_wrong_is_named(ground_truth: Any, kwargs: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        compute_score("recode", answered(NEW), ground_truth, {}, **kwargs)


def test_an_extra_info_that_is_no_struct_is_named() -> None:
    with pytest.raises(TypeError, match="extra_info is str, expected a dict or None"):
        compute_score("recode", answered(NEW), NEW, "old_code")


def test_what_is_wrong_in_a_batch_is_named_with_its_place() -> None:
    with pytest.raises(TypeError, match=r"ground_truths\[1\] is NoneType"):
        compute_score_batched(["d"] * 2, ["x"] * 2, [NEW, None])
    with pytest.raises(TypeError, match=r"solution_strs\[1\] is bytes"):
        compute_score_batched(["d"] * 2, ["x", b"x"], [NEW] * 2)  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"old_code of ground_truths\[1\] has half a surrogate pair"):
        compute_score_batched(["d"] * 2, ["x"] * 2, [NEW, {"target": NEW, "old_code": "\ud800"}])
    for wrong in ({"x"}, 3):
        with pytest.raises(TypeError, match="solution_strs is (set|int), expected a list"):
            compute_score_batched(["d"], wrong, ["x"])
        with pytest.raises(TypeError, match="ground_truths is (set|int), expected a list"):
            compute_score_batched(["d"], ["x"], wrong)
    with pytest.raises(ValueError, match="ground_truths has 1 items, but there are 2 solution_strs"):
        compute_score_batched(["d"] * 2, ["x"] * 2, [NEW])
