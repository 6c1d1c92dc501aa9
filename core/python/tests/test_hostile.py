"""Whatever comes in: a value or an ordinary exception, in bounded time, and the module works afterwards."""

from __future__ import annotations

import random
import time
from typing import Any, Callable

import pytest
from conftest import NEW, OLD, answered

import recode_reward

MIB = 1 << 20


@pytest.fixture(autouse=True)
def works_afterwards() -> Any:
    yield
    assert recode_reward.score(answered(NEW), NEW, old_code=OLD)["edit_gain"] == 2.0


def mib_of(piece: str) -> str:
    return (piece * (MIB // len(piece.encode()) + 1)).encode()[:MIB].decode(errors="ignore")


HOSTILE = {
    "nothing": "",
    "one letter": mib_of("a"),
    "nested": mib_of("("),
    "nested in the answer": answered(mib_of("(")),
    "nested strings": answered(mib_of("f'{")),
    "indented": answered("\n".join(" " * depth + "if x:" for depth in range(1400))),
    "tags": mib_of("</think><answer>"),
    "fences": mib_of("```python\n"),
    "answers": mib_of(answered("x = 1")),
    "names": answered(mib_of("x = 'y'\n")),
    "null bytes": answered(mib_of("\0")),
    "line ends": mib_of("\r\n\r"),
    "wide letters": answered(mib_of("𝔵é한\u202e = 1\n")),
    "not a letter": answered("\uffff\ufdd0\U0010ffff"),
    "operators": answered(mib_of("-")),
    "loops": answered("".join(" " * depth + "for x in y:\n" for depth in range(98)) + " " * 98 + "a()"),
    "sums": answered(mib_of("if " + "+".join("0" * 900) + ":\n    a()\n")),
    "texts": answered(mib_of("try:\n    '" + "a" * 500 + "'" + "+''" * 900 + "\nexcept E:\n    a()\n")),
    "imports": answered("".join(f"import a.x{at}\n" for at in range(60_000)) + "".join(f"a.y{at}()\n" for at in range(2_000))),
    "backslashes": answered(mib_of("\\\n")),
}


@pytest.mark.parametrize("mode", ["strict", "paper"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_mebibyte_of_anything_is_scored_in_bounded_time(name: str, mode: recode_reward.Mode) -> None:
    text = HOSTILE[name]
    begin = time.monotonic()
    for completion, target in ((text, NEW), (answered(NEW), text), (text, text), (answered(text), mib_of("é = 1\n"))):
        scored = recode_reward.score(completion, target, old_code=OLD, mode=mode)
        assert scored["total"] is not None and -3.0 <= scored["total"] <= 3.0
    # Four comparisons of at most a second each, on a machine that may be slow and busy.
    assert time.monotonic() - begin < 30


def test_explaining_a_mebibyte_is_bounded_too() -> None:
    begin = time.monotonic()
    for text in (HOSTILE["names"], HOSTILE["nested in the answer"], HOSTILE["answers"]):
        assert str(recode_reward.explain(text, mib_of("y = 'x'\n"), old_code=OLD))
    assert time.monotonic() - begin < 60


def test_random_bytes_are_scored() -> None:
    rng = random.Random(0)
    pieces = ["<think>", "</think>", "<answer>", "</answer>", "```python\n", "\n```\n", "x = 1\n", "'", '"""', "#", "\0", "é", "("]
    texts = ["".join(rng.choices(pieces, k=rng.randrange(60))) for _ in range(1500)]
    texts += [rng.randbytes(200).decode("utf-8", "replace") for _ in range(500)]
    for mode in ("strict", "paper"):
        scored = recode_reward.score_batch(texts, texts[::-1], old_codes=texts, mode=mode)
        assert len(scored) == 2000 and all(-3.0 <= (row["total"] or 0.0) <= 3.0 for row in scored)


def test_a_surrogate_in_a_completion_is_read_as_the_replacement_character() -> None:
    lone = answered(NEW) .replace("gone", "g\ud800ne")
    assert recode_reward.score(lone, NEW) == recode_reward.score(lone.replace("\ud800", "\ufffd"), NEW)
    in_code = answered(NEW + "  # \udfff")
    assert recode_reward.score(in_code, NEW)["total"] == 3.0
    assert recode_reward.score(answered("\ud800" * 1000), NEW)["es_star"] == -2.0
    # Two halves side by side, as some JSON writers leave them, are their letter.
    halves = recode_reward.score(answered("x = '\ud83d\ude00'"), "x = '😀'")
    assert halves["em_star"] == 2.0
    assert recode_reward.score_batch([lone, answered(NEW)], [NEW] * 2)[0]["total"] == 3.0
    assert str(recode_reward.explain(lone, NEW))


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: recode_reward.score("x", "\ud800"), ValueError, "target has half a surrogate pair"),
        (lambda: recode_reward.score("x", "x", old_code="\udc00"), ValueError, "old_code has half a surrogate pair"),
        (lambda: recode_reward.score_batch(["x"] * 2, ["x", "a\ud800"]), ValueError, r"targets\[1\] has half a surrogate"),
        (lambda: recode_reward.score(b"x", "x"), TypeError, "completion is bytes, expected str"),  # type: ignore[arg-type]
        (lambda: recode_reward.score("x", None), TypeError, "target is NoneType, expected str"),  # type: ignore[arg-type]
        (lambda: recode_reward.score_batch(["x", 3], ["x"] * 2), TypeError, r"completions\[1\] is int"),  # type: ignore[list-item]
        (lambda: recode_reward.score_batch("xx", ["x"] * 2), TypeError, "completions is one str, expected a list"),
        (lambda: recode_reward.score_batch({"x", "y"}, ["x"] * 2), TypeError, "completions is set, expected a list"),
        (lambda: recode_reward.score_batch(["x"], {"x": 1}), TypeError, "targets is dict, expected a list"),
        (lambda: recode_reward.score_batch(["x"], "x"), TypeError, "targets is one str"),
        (lambda: recode_reward.score_batch(3, []), TypeError, "completions is int"),  # type: ignore[arg-type]
        (lambda: recode_reward.score_batch(["x"] * 3, ["x"]), ValueError, "targets has 1 items, but there are 3 completions"),
        (lambda: recode_reward.score_batch(["x"], ["x"], old_codes=[]), ValueError, "old_codes has 0 items"),
        (lambda: recode_reward.score_batch(["x"], ["x"], lengths=[1, 2]), ValueError, "lengths has 2 items"),
        (lambda: recode_reward.score_batch(["x"], ["x"], lengths=[-1]), ValueError, r"lengths\[0\] is -1"),
        (lambda: recode_reward.score_batch(["x"], ["x"], lengths=["1"]), TypeError, r"lengths\[0\] is str"),  # type: ignore[list-item]
        (lambda: recode_reward.score("x", "x", length=1 << 80), ValueError, "length is 1208925819614629174706176"),
        (lambda: recode_reward.score("x", "x", length=True), TypeError, "length is bool, expected int"),
        (lambda: recode_reward.score("x", "x", missing="skip"), ValueError, "missing is \"skip\": use 'raise' or 'none'"),  # type: ignore[arg-type]
        (lambda: recode_reward.score("x", "x", weights={"format": 10**400}), ValueError, "the weight of format is too large for a float"),
        (lambda: recode_reward.score_batch(["x"], ["x"], threads=0), ValueError, "threads is 0"),
        (lambda: recode_reward.score_batch(["x"], ["x"], threads=-2), ValueError, "threads is -2"),
        (lambda: recode_reward.score("x", "x", mode="papers"), ValueError, "unknown reward mode `papers`: use `paper` or"),  # type: ignore[arg-type]
        (lambda: recode_reward.score("x", "x", comparison="words"), ValueError, "comparison: unknown comparison `words`"),  # type: ignore[arg-type]
        (
            lambda: recode_reward.score("x", "x", mode="paper", comparison="tree"),
            ValueError,
            "comparison tree wants mode strict",
        ),
        (
            lambda: recode_reward.score("x", "x", weights={"edit_grain": 1}),  # type: ignore[dict-item]
            ValueError,
            "weights: unknown part of the reward `edit_grain`",
        ),
        (lambda: recode_reward.score("x", "x", weights={}), ValueError, "weights: no part has a weight"),
        (lambda: recode_reward.score("x", "x", weights={"format": float("nan")}), ValueError, "the weight of format is NaN"),
        (lambda: recode_reward.score("x", "x", weights={"format": True}), TypeError, "the weight of format is bool"),
        (lambda: recode_reward.score("x", "x", weights={"format": "1"}), TypeError, "the weight of format is str"),  # type: ignore[dict-item]
        (lambda: recode_reward.score("x", "x", weights=[1]), TypeError, "weights is list, expected a dict"),  # type: ignore[arg-type]
        (
            lambda: recode_reward.score("x", "x", weights={"edit_gain": 1}),
            ValueError,
            "old_code is missing, from which edit_gain counts",
        ),
        (
            lambda: recode_reward.score_batch(["x"] * 2, ["x"] * 2, old_codes=["x", None], weights={"api_left": 1}),
            ValueError,
            r"old_codes\[1\] is missing, from which api_left counts",
        ),
        (lambda: recode_reward.score("x", "x", weights={"overlong": 1}), ValueError, "give max_length and buffer"),
        (
            lambda: recode_reward.score("x", "x", weights={"overlong": 1}, overlong={"max_length": 8, "buffer": 2}),
            ValueError,
            "length is missing",
        ),
        (
            lambda: recode_reward.score("x", "x", overlong={"max_length": 8, "buffer": 9}),
            ValueError,
            "buffer is 9, but must be from 1 to max_length, 8",
        ),
        (
            lambda: recode_reward.score("x", "x", overlong={"max_length": 8, "bufer": 9}),  # type: ignore[arg-type]
            ValueError,
            "overlong: unknown key `bufer`",
        ),
    ],
)
def test_what_is_wrong_is_named(call: Callable[[], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def test_an_iterator_that_raises_raises() -> None:
    def texts() -> Any:
        yield "x"
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        recode_reward.score_batch(texts(), ["x"])
    assert recode_reward.score_batch((text for text in ["x"]), ("x",))[0]["format"] == -1.0
    assert recode_reward.score_batch([], []) == []
