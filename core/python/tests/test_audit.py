"""What is wrong with a data set."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import NEW, OLD, read_lines, shared_data

import recode_reward

ROW: dict[str, Any] = {
    "dependency": "numpy",
    "new_version": "==2.0.0",
    "description": "",
    "update_info": "row_stack is gone",
    "old_code": OLD,
    "new_code": NEW,
}


def kinds(report: recode_reward.AuditReport, row: int) -> list[str]:
    return [finding["kind"] for found in report["rows"] if found["row"] == row for finding in found["findings"]]


def test_a_sound_data_set_has_no_findings() -> None:
    report = recode_reward.audit([ROW])
    assert report == {"total": 1, "sound": 1, "counts": {}, "spellings": [], "rows": []}
    assert recode_reward.audit([]) == {"total": 0, "sound": 0, "counts": {}, "spellings": [], "rows": []}


def test_each_fault_is_found_in_its_row() -> None:
    rows = [
        ROW,
        {**ROW, "new_code": OLD},
        {**ROW, "old_code": None},
        {**ROW, "old_code": "print rows"},
        ROW,
        {key: value for key, value in ROW.items() if key != "update_info"},
        {**ROW, "new_version": "2.0.0", "description": "\ud800"},
        {**ROW, "dependency": float("nan"), "description": ["a"], "update_info": True},
    ]
    report = recode_reward.audit(rows)
    assert [kinds(report, row) for row in range(len(rows))] == [
        [],
        ["same_text"],
        ["null_field"],
        ["old_not_python"],
        ["duplicate"],
        ["missing_field"],
        ["not_text", "no_operator"],
        ["not_text"] * 3,
    ]
    assert report["total"] == 8
    assert report["sound"] == sum(1 for row in range(8) if not kinds(report, row)) == 1
    found = [finding["found"] for finding in report["rows"][-1]["findings"]]
    assert found == ["number", "list", "truth value"]
    assert report["rows"][3]["findings"] == [{"kind": "duplicate", "of": 0, "message": "the same as row 0, counted from 0"}]


def test_prompts_are_counted_in_characters_or_as_told() -> None:
    row = {**ROW, "update_info": "long " * 100}
    length = len(recode_reward.prompt(row["dependency"], row["new_version"], row["update_info"], OLD)["chatml"])
    assert kinds(recode_reward.audit([row], max_prompt_length=length), 0) == []
    assert kinds(recode_reward.audit([row], max_prompt_length=length - 1), 0) == ["too_long"]
    words = recode_reward.audit([row], max_prompt_length=50, prompt_length=lambda prompt: len(prompt.split()))
    assert words["rows"][0]["findings"][0]["length"] > 100

    def broken(prompt: str) -> int:
        raise RuntimeError("no tokenizer")

    with pytest.raises(RuntimeError, match="no tokenizer"):
        recode_reward.audit([row], max_prompt_length=5, prompt_length=broken)


def test_rows_that_are_no_dicts_are_named() -> None:
    with pytest.raises(TypeError, match=r"rows\[1\] is str, expected a dict"):
        recode_reward.audit([ROW, "dependency"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="rows is int"):
        recode_reward.audit(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="rows is dict, expected rows to walk through"):
        recode_reward.audit({})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="what prompt_length returns is str, expected int"):
        recode_reward.audit([ROW], max_prompt_length=5, prompt_length=lambda prompt: prompt)  # type: ignore[arg-type, return-value]


def test_the_published_data_has_the_faults_that_the_command_line_counts() -> None:
    report = recode_reward.audit(read_lines(shared_data("api_update.jsonl")))
    assert (report["total"], report["sound"]) == (1482, 1162)
    assert report["counts"]["same_text"] == 115
