"""Code that is said to never run, beside what CPython runs of it."""

import random
import warnings

import recode_reward

from test_constants import expression


class Enough(BaseException):
    """A program that runs for too long; its handlers do not see it."""


class Program:
    """A function of statements within each other, each with a mark that tells when it was run."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.marks = 0
        body = self.block(3, in_loop=False)
        self.source = "def program():\n" + "".join(f"    {line}\n" for line in body) + "    mark(0)\n"

    def mark(self) -> str:
        self.marks += 1
        return f"mark({self.marks})"

    def test(self) -> str:
        constant = expression(self.draw, 2)
        return self.draw.choice([constant, constant, "maybe()", f"({constant} and {self.mark()})", f"({self.mark()} or {constant})"])

    def block(self, depth: int, in_loop: bool) -> list[str]:
        return [line for _ in range(self.draw.randint(1, 3)) for line in self.statement(depth, in_loop)]

    def statement(self, depth: int, in_loop: bool) -> list[str]:
        def within(in_loop: bool = in_loop) -> list[str]:
            return [f"    {line}" for line in self.block(depth - 1, in_loop)]

        ends = ["return", "raise KeyError", "assert 0", f"return {self.mark()}"] + ["break", "continue"] * in_loop
        simple = [self.mark(), "pass", expression(self.draw, 2), f"_ = {self.mark()} if {self.test()} else {self.mark()}", f"[{self.mark()} for _ in {self.test()}]"]
        kind = self.draw.randrange(9) if depth else self.draw.randrange(2)
        if kind == 0:
            return [self.draw.choice(ends)]
        if kind in (1, 2):
            return [self.draw.choice(simple)]
        if kind in (3, 4):
            return [f"if {self.test()}:", *within(), f"elif {self.test()}:", *within(), "else:", *within()]
        if kind == 5:
            return [f"while {self.test()}:", "    mark(-1)", *within(True), "else:", *within()]
        if kind == 6:
            return [f"for _ in {self.test()}:", *within(True), "else:", *within()]
        if kind == 7:
            caught = self.draw.choice(["Exception", "KeyError", "()"])
            return ["try:", *within(), f"except {caught}:", *within(), "else:", *within(), "finally:", f"    {self.mark()}"]
        return [f"match {self.test()}:", f"    case {self.draw.choice(['0', 'None', '1 | 2', '[_]', 'True'])} if {self.test()}:"] + [f"    {line}" for line in within()] + ["    case _:"] + [f"    {line}" for line in within()]

    def run(self, draw: random.Random) -> set[int]:
        """The marks that one run comes to."""
        seen: set[int] = set()
        steps = 0

        def mark(at: int) -> object:
            nonlocal steps
            seen.add(at)
            steps += 1
            if steps > 200:
                raise Enough
            return draw.choice([0, 1, "a", [], [0]])

        names = {"mark": mark, "maybe": lambda: draw.choice([0, 1, "a", [], [0, 1]]), "x": 0, "y": 1}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(compile(self.source, "program", "exec"), names)
                names["program"]()  # type: ignore[operator]
        except (Exception, Enough):
            pass
        return seen


def never_run(program: Program) -> set[int]:
    """The marks that are left out as what cannot run."""
    completion = f"</think><answer>\n```python\n{program.source}```\n</answer>"
    explained = recode_reward.explain(completion, "y()")
    assert explained["syntax_ok"], (program.source, explained["withheld"])
    spans = [left_out["span"]["bytes"] for left_out in explained["left_out"] if left_out["what"] == "unreachable"]
    places = {at: completion.index(f"mark({at})") for at in range(program.marks + 1) if f"mark({at})" in completion}
    return {at for at, place in places.items() if any(span["start"] <= place < span["end"] for span in spans)}


def test_what_is_said_to_never_run_does_not() -> None:
    draw = random.Random(0)
    left_out = 0
    for _ in range(600):
        program = Program(draw)
        never = never_run(program)
        left_out += len(never)
        for _ in range(10):
            wrong = program.run(draw) & never
            assert not wrong, (wrong, program.source)
    assert left_out > 600
