"""Texts of a data set, looked at where their names are known."""

from __future__ import annotations

from typing import Any


def data_text(value: Any, name: str) -> str:
    """The value, if it is a text.

    Raises:
        TypeError: it is something else.
        ValueError: it holds half a surrogate pair: a policy may write that, but in data it is a fault.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is {type(value).__name__}, expected str")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} has half a surrogate pair, so it is no text: mend the data, or leave the row out") from None
    return value
