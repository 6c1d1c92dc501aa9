"""Texts of a data set, looked at where their names are known."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any


def listed(values: Any, name: str, what: str) -> list[Any]:
    """The items of a list, a tuple, a column of a data set.

    Raises:
        TypeError: it is a text, a set or a dict, through which Python would walk as well, or nothing to walk through.
    """
    kind = type(values).__name__
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{name} is one {kind}, expected a list of {what}")
    if isinstance(values, (Set, Mapping)):
        raise TypeError(f"{name} is {kind}, expected a list of {what}")
    try:
        return list(values)
    except TypeError as error:
        raise TypeError(f"{name} is {kind}, expected a list of {what}") from error


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
