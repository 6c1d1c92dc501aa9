"""What a code migration is worth: the reward of recode, for Python.

The rules and numbers are those of ``recode-trainer``, field for field what its ``score`` command writes. ``recode_reward.trl`` has reward
functions for TRL's trainers, ``recode_reward.verl`` has ``compute_score`` for verl.

>>> from recode_reward import score
>>> answer = "It is gone.</think><answer>\\n```python\\nnp.vstack(rows)\\n```\\n</answer>"
>>> score(answer, "np.vstack(rows)", old_code="np.row_stack(rows)")["edit_gain"]
2.0
"""

from __future__ import annotations

from ._explanation import Explanation, explain
from ._native import __version__, audit, check_rubric, prompt, score, score_batch
from ._parts import edit_gain, em_star, es_star, format_reward
from ._types import (
    ApiUse,
    AuditReport,
    AuditRow,
    Breakdown,
    Comparison,
    Missing,
    Mode,
    Overlong,
    Part,
    Prompt,
    Spellings,
    SyntaxFault,
    Withheld,
)

__all__ = [
    "ApiUse",
    "AuditReport",
    "AuditRow",
    "Breakdown",
    "Comparison",
    "Explanation",
    "Missing",
    "Mode",
    "Overlong",
    "Part",
    "Prompt",
    "Spellings",
    "SyntaxFault",
    "Withheld",
    "__version__",
    "audit",
    "check_rubric",
    "edit_gain",
    "em_star",
    "es_star",
    "explain",
    "format_reward",
    "prompt",
    "score",
    "score_batch",
]
