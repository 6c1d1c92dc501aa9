"""The numbers are the native ones, in every way they can be asked for."""

from __future__ import annotations

import doctest
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import NEW, OLD, answered, read_lines, shared_data

import recode_reward
import recode_reward.trl

FIELDS = ("format", "es_star", "em_star", "syntax_ok")


def assert_papers_numbers(cases: list[dict[str, Any]]) -> None:
    scored = recode_reward.score_batch([c["completion"] for c in cases], [c["target"] for c in cases], mode="paper")
    assert len(scored) == len(cases)
    for number, (case, breakdown) in enumerate(zip(cases, scored), 1):
        # A case without a number is one on which the reference raises.
        expected = {field: case[field] for field in FIELDS if case.get(field) is not None}
        assert {field: breakdown[field] for field in expected} == expected, f"line {number}"  # type: ignore[literal-required]


def test_golden_cases_have_the_papers_numbers(golden_cases: list[dict[str, Any]]) -> None:
    assert len(golden_cases) > 50
    assert_papers_numbers(golden_cases)


def test_shared_cases_have_the_papers_numbers() -> None:
    cases = read_lines(shared_data("reward_cases.jsonl"))
    assert len(cases) == 3600
    assert_papers_numbers(cases)


def test_one_at_a_time_and_any_number_of_threads_agree(golden_cases: list[dict[str, Any]]) -> None:
    completions = [case["completion"] for case in golden_cases]
    targets = [case["target"] for case in golden_cases]
    old_codes = [case["target"].replace("vstack", "row_stack") for case in golden_cases]
    one_by_one = [
        recode_reward.score(completion, target, old_code=old_code)
        for completion, target, old_code in zip(completions, targets, old_codes)
    ]
    for threads in (1, 2, 5, None):
        assert recode_reward.score_batch(completions, targets, old_codes=old_codes, threads=threads) == one_by_one
    # Rows that stand together share their preparation, and nothing else.
    order = sorted(range(len(targets)), key=lambda index: targets[index])
    sorted_scores = recode_reward.score_batch(
        [completions[i] for i in order], [targets[i] for i in order], old_codes=[old_codes[i] for i in order]
    )
    assert sorted_scores == [one_by_one[i] for i in order]


def test_a_batch_of_one_row_is_shared_out_and_agrees() -> None:
    completions = [answered(NEW + f"\nx = {i}") for i in range(100)]
    batch = recode_reward.score_batch(completions, [NEW] * 100, old_codes=[OLD] * 100, threads=4)
    assert batch == [recode_reward.score(completion, NEW, old_code=OLD) for completion in completions]


def test_fields_are_those_of_the_command_line() -> None:
    program = os.environ.get("RECODE_TRAINER")
    if not program or not Path(program).exists():
        pytest.skip(f"no recode-trainer at RECODE_TRAINER={program or ''}")
    lines = [
        {"completion": answered(code), "target": NEW, "old_code": old} if old else {"completion": answered(code), "target": NEW}
        for code in (NEW, OLD, "rows =", "# nothing", "")
        for old in (OLD, None)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    for mode in ("strict", "paper"):
        ran = subprocess.run(
            [program, "score", "--reward", mode, "-"], input=text, capture_output=True, text=True, check=True
        )
        for line, written in zip(lines, ran.stdout.splitlines(), strict=True):
            expected = {**json.loads(written)}
            for field in line:
                del expected[field]
            scored = recode_reward.score(
                line["completion"],
                line["target"],
                old_code=line.get("old_code"),
                mode=mode,
            )
            assert scored == expected
            assert list(scored) == list(expected)


def test_weights_comparison_and_overlong_make_the_total() -> None:
    scored = recode_reward.score(
        answered(OLD),
        NEW,
        old_code=OLD,
        length=85,
        weights={"format": 1, "edit_gain": 0.5, "overlong": 2},
        overlong={"max_length": 100, "buffer": 20},
    )
    # 1 - 0.5 * 0.8 - 2 * 5 / 20
    assert scored["total"] == pytest.approx(0.1)
    assert scored["overlong"] == -0.25

    requoted = answered(NEW.replace("[a, b]", "[ a,b ]"))
    assert recode_reward.score(requoted, NEW)["em_star"] == -1.5
    assert recode_reward.score(requoted, NEW, comparison="tokens")["em_star"] == 2.0


def test_old_code_that_cannot_be_compared_is_an_error_or_leaves_no_total() -> None:
    weights: dict[recode_reward.Part, float] = {"edit_gain": 1}
    for call in (recode_reward.score, recode_reward.explain):
        with pytest.raises(ValueError, match="edit_gain counts from the old code, but the old code is not Python: .*leave the row out"):
            call(answered(NEW), NEW, old_code="print rows", weights=weights)
    with pytest.raises(ValueError, match="row 1: edit_gain counts from the old code, but the target is not Python"):
        recode_reward.score_batch(["x"] * 2, [NEW, "print x"], old_codes=[NEW] * 2, weights=weights)
    scored = recode_reward.score(answered(NEW), NEW, old_code="print rows", weights=weights, missing="none")
    assert (scored["edit_gain"], scored["total"]) == (None, None)


def test_single_parts() -> None:
    assert recode_reward.format_reward(answered("x")) == 1.0
    assert recode_reward.format_reward("x") == -1.0
    assert recode_reward.es_star(answered(NEW), NEW) == 2.0
    assert recode_reward.em_star(answered(OLD), NEW) == -1.5
    assert recode_reward.edit_gain(answered(OLD), NEW, OLD) == -0.8
    with pytest.raises(ValueError, match="cannot be compared"):
        recode_reward.edit_gain(answered(NEW), NEW, "print rows")


def test_an_explanation_is_data_and_a_text() -> None:
    explanation = recode_reward.explain(answered(OLD), NEW, old_code=OLD)
    assert explanation["edit_gain"] == -0.8
    assert json.loads(json.dumps(explanation)) == dict(explanation)
    start, end = (explanation["code"]["bytes"][side] for side in ("start", "end"))
    assert answered(OLD).encode()[start:end].decode() == OLD
    assert "np.[-row_-]{+v+}stack" in str(explanation)


def test_the_prompt_is_the_papers_and_open_inside_the_thinking() -> None:
    prompt = recode_reward.prompt("NumPy", "==2.0.0", "row_stack is an alias of vstack", OLD)
    assert prompt["chatml"].endswith("<|im_start|>assistant\n" + prompt["prefill"])
    assert prompt["prefill"].endswith("<think>")
    assert "in version 2.0.0," in prompt["user"] and f"```python\n{OLD}\n```" in prompt["user"]


def test_the_package_has_a_version_and_types() -> None:
    assert recode_reward.__version__.count(".") == 2
    assert (Path(recode_reward.__file__).parent / "py.typed").exists()
    assert all(hasattr(recode_reward, name) for name in recode_reward.__all__)


@pytest.mark.parametrize("module", [recode_reward, recode_reward.trl])
def test_the_examples_in_the_documentation_run(module: Any) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0 and result.failed == 0
