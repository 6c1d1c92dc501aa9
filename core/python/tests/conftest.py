"""What the tests share: the project's own cases, and where the larger data is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

CORE = Path(__file__).resolve().parents[2]

OLD = "import numpy as np\n\nrows = np.row_stack([a, b])"
NEW = "import numpy as np\n\nrows = np.vstack([a, b])"


def answered(code: str) -> str:
    """A completion in the asked-for format."""
    return f"row_stack is gone.</think>\n<answer>\n```python\n{code}\n```\n</answer>"


def read_lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def shared_data(name: str) -> Path:
    """A file of the shared data; the test is skipped where it is not there."""
    shared = Path(os.environ.get("RECODE_SHARED", CORE.parents[1] / "shared"))
    path = shared / "data" / name
    if not path.exists():
        pytest.skip(f"no {path}; RECODE_SHARED=DIR names the shared data")
    return path


@pytest.fixture(scope="session")
def golden_cases() -> list[dict[str, Any]]:
    return read_lines(CORE / "tests" / "golden" / "reward_cases.jsonl")
