"""The reward functions for TRL, called as its trainers call them: by keywords, every column a list."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from typing import Any

import pytest
from conftest import NEW, OLD, answered

import recode_reward
from recode_reward import trl

COLUMNS: dict[str, Any] = {"target": [NEW, NEW], "old_code": [OLD, OLD]}
ANSWERS = [answered(NEW), answered(OLD)]


def message(content: Any, role: str = "assistant", **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def test_each_part_has_a_function_of_its_name() -> None:
    expected = {"format_reward": [1.0, 1.0], "es_star": None, "em_star": [2.0, -1.5], "edit_gain": [2.0, -0.8], "reward": None}
    scored = recode_reward.score_batch(ANSWERS, [NEW] * 2, old_codes=[OLD] * 2)
    expected["es_star"] = [row["es_star"] for row in scored]
    expected["reward"] = [row["total"] or 0.0 for row in scored]
    for name, rewards in expected.items():
        function = getattr(trl, name)
        assert function(prompts=["p"] * 2, completions=ANSWERS, completion_ids=[[1], [2]], **COLUMNS) == rewards
        assert function.__name__ == ("recode" if name == "reward" else name)


def test_the_format_wants_no_target_and_new_code_stands_in_for_one() -> None:
    assert trl.format_reward(completions=["x"]) == [-1.0]
    assert trl.em_star(completions=ANSWERS, new_code=[NEW, OLD]) == [2.0, 2.0]
    named = trl.reward_function(weights={"em_star": 1, "edit_gain": 1}, name="mine", target="answer", old_code="before")
    assert named(completions=ANSWERS, answer=[NEW, NEW], before=[OLD, OLD], target=["x", "x"]) == [4.0, -2.3]
    assert named.__name__ == "mine"


def test_chat_messages_are_read_in_every_shape() -> None:
    text = answered(NEW)
    thinking, content = text.split("</think>\n")
    parts = [{"type": "text", "text": text[:30]}, {"type": "image", "image": object()}, {"type": "text", "text": text[30:]}]
    chats: list[Any] = [
        [message(text)],
        [message(parts)],
        [{"content": text}],
        message(text),
        [message(content, reasoning_content=thinking)],
        [message(content, thinking=thinking)],
        [message("let me see"), message("3", role="tool"), message(text)],
        (message(text), message("thanks", role="user")),
    ]
    for chat in chats:
        assert trl.reward(completions=[chat], target=[NEW]) == [3.0], chat
    assert trl.reward(completions=[[message(None)], [message("")]], target=[NEW] * 2) == [-3.0] * 2


@pytest.mark.parametrize(
    ("completion", "error", "says"),
    [
        (3, TypeError, r"completions\[0\] is int, expected str or a list of chat messages"),
        ([], ValueError, r"completions\[0\] has no message with role assistant"),
        ([message("x", role="user")], ValueError, r"completions\[0\] has no message with role assistant"),
        (["x"], TypeError, r"completions\[0\]\[0\] is str, expected a chat message"),
        ([message(3)], TypeError, r"completions\[0\]\[0\]\['content'\] is int"),
        ([message([3])], TypeError, r"completions\[0\]\[0\]\['content'\]\[0\] is int, expected a part"),
    ],
)
def test_what_is_no_completion_is_named(completion: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        trl.reward(completions=[completion], target=[NEW])


def test_a_policy_that_opens_its_thinking_is_judged_as_one_that_goes_on() -> None:
    written = trl.reward_function(prefilled=False)
    opened = ["<think>" + answered(NEW), "\n <think>\n" + answered(NEW), answered(NEW), "<think><think>" + answered(NEW)]
    assert written(completions=opened, target=[NEW] * 4) == [3.0, 3.0, 1.0, 1.0]
    assert trl.reward(completions=opened, target=[NEW] * 4) == [1.0, 1.0, 3.0, 1.0]


def test_lengths_are_those_of_completion_ids() -> None:
    function = trl.reward_function(
        weights={"format": 1, "overlong": 1}, overlong={"max_length": 100, "buffer": 20}, name="short"
    )
    ids = [[0] * length for length in (80, 85, 200)]
    assert function(completions=[answered(NEW)] * 3, completion_ids=ids) == [1.0, 0.75, 0.0]
    with pytest.raises(ValueError, match="no column completion_ids, which overlong is made of"):
        function(completions=[answered(NEW)])


def test_the_parts_of_a_sum_are_logged_beside_it() -> None:
    logged: dict[str, float] = {}
    function = trl.reward_function(weights={"format": 1, "edit_gain": 0.5})
    assert function(completions=ANSWERS, log_metric=logged.__setitem__, **COLUMNS) == [2.0, 0.6]
    assert logged == {"rewards/recode/format": 1.0, "rewards/recode/edit_gain": pytest.approx(0.6)}
    logged.clear()
    trl.edit_gain(completions=ANSWERS, log_metric=logged.__setitem__, **COLUMNS)
    assert logged == {}


def test_missing_columns_and_rows_are_named() -> None:
    with pytest.raises(ValueError, match=r"no column target or new_code, which es_star is made of \(columns: answer\); target= names"):
        trl.reward_function(weights={"es_star": 1})(completions=["x"], answer=["y"])
    with pytest.raises(ValueError, match=r"no column old_code, which edit_gain is made of"):
        trl.edit_gain(completions=["x"], target=["y"])
    with pytest.raises(ValueError, match=r"column target has 1 values for 2 completions"):
        trl.reward(completions=["x"] * 2, target=["y"])
    with pytest.raises(TypeError, match=r"column target is one str, expected a list of values, one for each completion"):
        trl.reward(completions=["x"], target="y")
    for wrong, found in ((3, "int"), ({"y"}, "set"), ({"y": 1}, "dict")):
        with pytest.raises(TypeError, match=rf"column target is {found}, expected a list"):
            trl.reward(completions=["x"], target=wrong)
        with pytest.raises(TypeError, match=rf"completions is {found}, expected a list"):
            trl.reward(completions=wrong, target=["y"])
    overlong = trl.reward_function(weights={"overlong": 1}, overlong={"max_length": 8, "buffer": 4})
    with pytest.raises(TypeError, match=r"row 0 of column completion_ids is int, expected a list of token ids"):
        overlong(completions=["x"], completion_ids=[3])
    assert trl.reward(completions=iter(ANSWERS), target=iter([NEW] * 2)) == trl.reward(completions=ANSWERS, target=[NEW] * 2)
    with pytest.raises(ValueError, match=r"row 1 of column new_code is None, and es_star counts from it\. Leave such rows out"):
        trl.es_star(completions=["x"] * 2, new_code=["y", None])
    with pytest.raises(ValueError, match=r"row 1 of column before is None, and edit_gain counts from it"):
        trl.reward_function(weights={"edit_gain": 1}, old_code="before")(completions=["x"] * 2, target=["y"] * 2, before=["z", None])
    with pytest.raises(ValueError, match=r"row 1 of the batch has no edit_gain"):
        trl.edit_gain(completions=ANSWERS, target=[NEW] * 2, old_code=[OLD, "print rows"])
    with pytest.raises(ValueError, match=r"row 1 of the batch has a target that is not Python: .* Leave such rows out"):
        trl.reward(completions=ANSWERS, target=[NEW, "print rows"])
    with pytest.raises(ValueError, match=r"row 0 of the batch has a target that is not Python"):
        trl.reward(completions=["no code"], target=["print rows"])
    with pytest.raises(TypeError, match="completions is one str, expected a list"):
        trl.reward(completions="xy", target=["x", "y"])


def test_a_column_that_no_part_is_made_of_may_hold_anything() -> None:
    assert trl.format_reward(completions=[answered(NEW)], target=[7], old_code=[float("nan")]) == [1.0]


def test_a_name_of_the_old_code_alone_may_have_foreign_letters() -> None:
    answer, target = answered("größe = 1"), "size = 1"
    assert trl.es_star(completions=[answer], target=[target]) == [-2.0]
    assert trl.es_star(completions=[answer], target=[target], old_code=["größe = 2"]) == [pytest.approx(3.5 * 5 / 9 - 1.5)]
    assert trl.es_star(completions=[answer], target=[target], old_code=[None]) == [-2.0]


def test_rows_without_a_reward_may_have_none() -> None:
    function = trl.reward_function(weights={"edit_gain": 1}, missing="none")
    completions = [answered(NEW)] * 4
    rewards = function(completions=completions, target=[NEW, None, NEW, NEW], old_code=[OLD, OLD, None, "print rows"])
    assert rewards == [2.0, None, None, None]
    assert trl.reward_function(missing="none")(completions=completions[:2], target=[NEW, "print rows"]) == [3.0, None]
    # The reference does not ask for it.
    assert trl.reward_function(mode="paper")(completions=[answered("print(1)")], target=["print 1"]) == [pytest.approx(1 + 3.5 * 6 / 8 - 1.5)]
    # The row is counted among all, and the column has its own name.
    with pytest.raises(TypeError, match=r"row 2 of column new_code is int, expected str"):
        function(completions=completions, new_code=[NEW, None, 7, NEW], old_code=[OLD] * 4)
    with pytest.raises(ValueError, match=r"row 3 of column new_code has half a surrogate pair"):
        function(completions=completions, new_code=[None, NEW, NEW, "\ud800"], old_code=[OLD] * 4)
    with pytest.raises(TypeError, match="prefilled is str, expected True or False"):
        trl.reward_function(prefilled="no")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="target is int, expected str"):
        trl.reward_function(target=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="missing is 'skip'"):
        trl.reward_function(missing="skip")  # type: ignore[arg-type]


def test_settings_are_refused_when_the_function_is_made() -> None:
    with pytest.raises(ValueError, match="unknown part of the reward `edit_grain`"):
        trl.reward_function(weights={"edit_grain": 1})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="give max_length and buffer"):
        trl.reward_function(weights={"overlong": 1})
    with pytest.raises(ValueError, match="no part has a weight"):
        trl.reward_function(weights={})


def call(function: trl.RewardFunction) -> list[float | None]:
    return function(completions=ANSWERS, **COLUMNS)


def test_a_function_can_be_pickled_copied_and_sent_to_a_process() -> None:
    function = trl.reward_function(weights={"format": 1, "edit_gain": 1}, comparison="tree", name="sent", missing="none")
    for twin in (pickle.loads(pickle.dumps(function)), copy.deepcopy(function)):
        assert vars(twin) == vars(function)
        assert twin.__name__ == "sent" and call(twin) == call(function) == [3.0, pytest.approx(0.2)]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(call, (function,)) == call(function)
    assert "sent" in repr(function)


def test_thinking_that_a_template_took_out_was_opened() -> None:
    message = {"role": "assistant", "reasoning_content": "hm", "content": "<answer>\n```python\nx\n```\n</answer>"}
    for prefilled in (True, False):
        reward = trl.reward_function(prefilled=prefilled)
        assert reward(completions=[[message]], target=["x"]) == [3.0]
