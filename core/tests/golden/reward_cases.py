"""Makes reward_cases.jsonl: completions of ours with what the reference's reward functions return for them.

    python reward_cases.py PATH/TO/ReCode/src/DAPO/reward.py > reward_cases.jsonl

Made with CPython 3.11.7 and zjunlp/ReCode at bb28964add63. The syntax check is CPython's, so another version may
give other numbers.
"""

import importlib.util
import json
import sys

TARGET = "import numpy as np\n\n# stack them\nrows = np.vstack([a, b])\nprint('stacked', rows)"
OLD = "import numpy as np\n\n# stack them\nrows = np.row_stack([a, b])\nprint('stacked', rows)"


def answered(code, think="row_stack is gone.", fence="```python\n"):
    return f"{think}</think>\n<answer>\n{fence}{code}\n```\n</answer>"


def strings(n):
    """Code with n strings: from eleven on the reference puts the wrong ones back."""
    return "\n".join(f"s{i} = 'v{i}'" for i in range(n))


CASES = {
    "perfect": [(answered(TARGET), TARGET), (answered("x"), "x"), (answered(strings(10)), strings(10))],
    "copy of the old code": [(answered(OLD), TARGET)],
    "other code": [(answered("pass"), TARGET), (answered("import numpy as np"), TARGET), (answered("é = '漢字'"), "e = '汉字'")],
    "comments and blank lines": [
        (answered(TARGET.replace("# stack them", "# put one over the other")), TARGET),
        (answered(TARGET.replace("\n", "\n\n")), TARGET),
        (answered(TARGET + "  # done"), TARGET),
        (answered("x = 1  \n\t\ny = 2"), "x = 1\ny = 2"),
        (answered("x = 1\n \x0b\n\x1c\n\u2003\ny = 2"), "x = 1\ny = 2"),
        (answered("x = '#'  # a\n# b"), "x = '#'"),
        (answered("s = '''a\n\n\n b'''"), "s = '''a\n b'''"),
        (answered("x = 1 # a\r\ny = 2"), "x = 1\ny = 2"),
    ],
    "an apostrophe in a comment": [
        (answered("x = 1  # it's\ny = 2"), "x = 1\ny = 2"),
        (answered("x = 1  # it's\ny = 'a'  # that's"), "x = 1\ny = 'a'"),
        (answered("x = 1  # a \" here\nprint(\"b\")"), "x = 1\nprint(\"b\")"),
        (answered("# don't\nx = 1\n# won't\ny = 2"), "x = 1\ny = 2"),
    ],
    "many strings": [
        (answered(strings(11)), strings(11)),
        (answered(strings(25)), strings(25)),
        (answered(strings(11)), strings(10)),
        (answered("x = 'a'5"), "x = 5"),
    ],
    "strings that name placeholders": [
        (answered("x = 'STRING_PLACEHOLDER_1'\ny = 'b'"), "x = 'b'"),
        (answered("STRING_PLACEHOLDER_0 = 'a'"), "x = 'a'"),
        (answered("x = 'STRING_PLACEHOLDER_0'"), "x = 'a'"),
        (answered("STRING_PLACEHOLDER_ = 1"), "x = 1"),
    ],
    "quotes": [
        (answered("x = ''\ny = \"\"\nz = ''''''"), "x = ''\ny = \"\"\nz = ''''''"),
        (answered("x = 'it\\'s'"), "x = \"it's\""),
        (answered("x = '''a'b'''"), "x = 1"),
        (answered("x = \"'\"  # \"\ny = 1"), "x = \"'\"\ny = 1"),
        (answered("x = '''open"), "x = 1"),
        (answered("'''doc'''\nx = 1"), "x = 1"),
        (answered("x = '''a''''b'"), "x = 1"),
    ],
    "not Python": [
        (answered("print 'stacked'"), TARGET),
        (answered("rows = np.vstack([a, b]"), TARGET),
        (answered("if x:\n\ty = 1\n        z = 2"), TARGET),
        (answered("type X = int"), "type X = int"),
        (answered("def f[T](x: T): ..."), TARGET),
        (answered("f'{x['a']}'"), TARGET),
        (answered("(" * 201 + ")" * 201), TARGET),
        (answered("x = 1\0"), TARGET),
        (answered("\ufeffx = 1"), "x = 1"),
    ],
    "Python all the same": [
        (answered("(" * 200 + "1" + ")" * 200), "1"),
        (answered("f(a=1, a=2)\nreturn"), "f(a=1, a=2)"),
        (answered("match x:\n    case 1: pass"), "match x:\n    case 1: pass"),
        (answered("\n\n   x = 1   \n\n"), "x = 1"),
    ],
    "target is not Python": [(answered("x = 1"), "x = = 1"), (answered("x = = 1"), "x = = 1")],
    "nothing left": [
        (answered("# a"), "# b"),
        (answered(""), ""),
        (answered(""), "x"),
        (answered("x"), ""),
        (answered("\n\n"), "\n \n"),
    ],
    "fences": [
        (answered(TARGET, fence="```py\n"), TARGET),
        (answered(TARGET, fence="```Python\n"), TARGET),
        (answered(TARGET, fence="```python \n"), TARGET),
        (answered(TARGET, fence="```python\r\n"), TARGET),
        (answered(TARGET, fence="```\n"), TARGET),
        (answered(TARGET, fence="````python\n"), TARGET),
        (answered("x = 1", fence="```python x = 0\n"), "x = 1"),
        ("t</think><answer>```python\nx = 1\n</answer>", "x = 1"),
        ("t</think><answer>```python\nx = 1```</answer>", "x = 1"),
        ("t</think><answer>```python\n```\nx = 1\n```</answer>", "x = 1"),
        ("t</think><answer>```python\nd = '''\n```\n'''\n```</answer>", "d = 1"),
    ],
    "several blocks": [
        (answered("x = 1", think="```python\nx = 2\n```"), "x = 2"),
        ("t</think><answer>```python\nx = 1\n```\n```python\nx = 2\n```</answer>", "x = 2"),
        (answered("x = 1") + answered("x = 2"), "x = 1"),
        ("```python\nx = 1\n```</think><answer></answer>", "x = 1"),
        ("```python\nx = 1</think><answer>\n```</answer>", "x = 1"),
    ],
    "tags": [
        ("", "x = 1"),
        ("t</think><answer></answer>", "x = 1"),
        ("</think>\u2003\x1f<answer></answer>\x85\n", "x = 1"),
        ("t</think><answer>a</answer><answer>b</answer>", "x = 1"),
        ("t</think><answer>a</answer>.", "x = 1"),
        ("t</think>So <answer>a</answer>", "x = 1"),
        ("a <think> b</think><answer>a</answer>", "x = 1"),
        ("a < b <thin> </thinks></think><answer><think></answer>", "x = 1"),
        ("t</think><answer>a", "x = 1"),
        ("<answer>a</answer>", "x = 1"),
        ("t</think></think><answer>a</answer>", "x = 1"),
        (answered("x = 1") + "<|im_end|>", "x = 1"),
        ("t</Think><answer>a</answer>", "x = 1"),
    ],
}


def main():
    spec = importlib.util.spec_from_file_location("reward", sys.argv[1])
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    blocks = reference.re.compile(r"```python\n(.*?)\n```", reference.re.DOTALL)

    for kind, cases in CASES.items():
        for completion, target in cases:
            case = {"kind": kind, "completion": completion, "target": target}
            case["format"] = reference.format_reward([completion])[0]
            for name in ("es_star", "em_star"):
                try:
                    case[name] = getattr(reference, name)([completion], [target])[0]
                except Exception as error:
                    case[name] = None
                    case["raised"] = type(error).__name__
            block = blocks.search(completion)
            code = reference.remove_comments_and_blank_lines(block[1].strip()) if block else None
            case["syntax_ok"] = reference.syntax_check(code) if block else None
            print(json.dumps(case))


if __name__ == "__main__":
    main()
