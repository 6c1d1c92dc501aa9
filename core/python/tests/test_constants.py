"""Which branches of a constant test never run, beside what CPython itself computes of the test."""

import random
import warnings

import recode_reward

ATOMS = ["0", "1", "2", "7", "0.0", "0.5", "None", "True", "False", "...", "''", "'a'", "'ab'", "b''", "b'a'", "()", "(0,)", "[]", "[1]", "{}", "f''", "y", "f'{y}'"]
BINARY = ["+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "==", "!=", "<", "<=", ">", ">=", "is", "is not", "in", "not in", "and", "or"]


def expression(draw: random.Random, depth: int) -> str:
    if depth == 0 or draw.random() < 0.2:
        return draw.choice(ATOMS)
    part = lambda: expression(draw, depth - 1)
    return draw.choice(
        [
            lambda: f"({part()} {draw.choice(BINARY)} {part()})",
            lambda: f"({part()} {draw.choice(BINARY)} {part()})",
            lambda: f"({part()} < {part()} {draw.choice(['<', '==', 'is', 'in'])} {part()})",
            lambda: f"({draw.choice(['-', '+', '~', 'not '])}{part()})",
            lambda: f"({part()} if {part()} else {part()})",
            lambda: f"({part()}, {part()})",
            lambda: f"[{part()}]",
            lambda: f"{part()}[{draw.choice(['0', '-1', '1'])}]",
            lambda: f"[x for x in {draw.choice(ATOMS)}]",
            lambda: f"(x := {part()})",
            lambda: 'f"{' + draw.choice(["0", "''", "'a'", "None", "True"]) + '}"',
        ]
    )()


class Falsy(list[int]):
    """False, and full."""

    def __bool__(self) -> bool:
        return False


def python_says(test: str) -> set[bool]:
    """The truth of the test, whatever ``y`` is; nothing where it raises."""
    said = set()
    for y in (0, 1, "", "ab", [], [0], None, Falsy([1])):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                said.add(bool(eval(test, {"y": y})))
        except (TypeError, ZeroDivisionError, ValueError, IndexError, KeyError, OverflowError):
            pass
    return said


def decided(tests: list[str]) -> list[bool | None]:
    """The truth that the branches left out tell of each test; None where both may run."""
    code = "".join(f"if {test}:\n    yes_{at}()\nelse:\n    no_{at}()\n" for at, test in enumerate(tests))
    completion = f"</think><answer>\n```python\n{code}```\n</answer>"
    explained = recode_reward.explain(completion, "y()")
    assert explained["syntax_ok"], explained["withheld"]
    spans = [left_out["span"]["bytes"] for left_out in explained["left_out"] if left_out["what"] == "unreachable"]

    def never_runs(call: str) -> bool:
        start = completion.index(call)
        return any(span["start"] <= start < span["end"] for span in spans)

    def truth(at: int) -> bool | None:
        yes, no = never_runs(f"yes_{at}()"), never_runs(f"no_{at}()")
        assert not (yes and no), tests[at]
        return no if yes or no else None

    return [truth(at) for at in range(len(tests))]


def test_a_constant_test_is_what_python_computes_or_undecided() -> None:
    draw = random.Random(0)
    tests = [expression(draw, 3) for _ in range(4000)]
    found = [truth for at in range(0, len(tests), 50) for truth in decided(tests[at : at + 50])]
    said = [python_says(test) for test in tests]
    # Where the test raises, neither branch runs.
    both = [(test, ours, python) for test, ours, python in zip(tests, found, said) if python]
    wrong = [each for each in both if each[1] is not None and each[2] != {each[1]}]
    assert not wrong, wrong[:5]
    # What is undecided, though Python has one answer, are few things, such as the order of tuples.
    decidable = [each for each in both if len(each[2]) == 1 and "y" not in each[0]]
    undecided = [each for each in decidable if each[1] is None]
    assert len(decidable) > 1000
    assert len(undecided) < 0.1 * len(decidable), undecided[:5]
