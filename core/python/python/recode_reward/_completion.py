"""From what a trainer hands over to the text that is judged.

The rules judge a completion that begins inside the thinking: the paper's prompt ends with ``<think>``, and the policy goes on from there. A
policy that opens its thinking itself (chat templates that do not prefill it) writes one ``<think>`` more, which these rules take for a second
thinking: no format. ``prefilled=False`` says so, and takes it away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

THINK = "<think>"


def text_of(completion: Any, name: str) -> str:
    """The text of a completion: itself, or that of the last assistant's message of a chat.

    Raises:
        TypeError: it is neither.
        ValueError: no message is the assistant's.
    """
    if isinstance(completion, str):
        return completion
    if isinstance(completion, Mapping):
        return _message_text(completion, name)
    if not isinstance(completion, Sequence):
        raise TypeError(f"{name} is {type(completion).__name__}, expected str or a list of chat messages")
    for index in range(len(completion) - 1, -1, -1):
        message = completion[index]
        if not isinstance(message, Mapping):
            raise TypeError(
                f'{name}[{index}] is {type(message).__name__}, expected a chat message, as {{"role": "assistant", "content": "…"}}'
            )
        # A message without a role is a completion's: there is nobody else to have written it.
        if message.get("role", "assistant") == "assistant":
            return _message_text(message, f"{name}[{index}]")
    raise ValueError(f"{name} has no message with role assistant: there is nothing to judge")


def check_prefilled(prefilled: Any) -> None:
    """Refuses what is no truth value: a text such as "no" would be taken for True.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(prefilled, bool):
        raise TypeError(f"prefilled is {type(prefilled).__name__}, expected True or False")


class _Opened(str):
    """A completion that is known to begin inside its thinking."""


def _message_text(message: Mapping[Any, Any], name: str) -> str:
    content = _content_text(message.get("content"), f"{name}['content']")
    # Templates that parse an answer put the thinking beside the content, without its tags.
    for key in ("reasoning_content", "reasoning", "thinking"):
        thinking = message.get(key)
        if isinstance(thinking, str):
            return _Opened(f"{thinking}\n</think>\n{content}")
    return content


def _content_text(content: Any, name: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "".join(_part_text(part, f"{name}[{index}]") for index, part in enumerate(content))
    raise TypeError(f"{name} is {type(content).__name__}, expected str or a list of parts")


def _part_text(part: Any, name: str) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping):
        text = part.get("text")
        # Pictures and the like are no code.
        return text if isinstance(text, str) else ""
    raise TypeError(f'{name} is {type(part).__name__}, expected a part, as {{"type": "text", "text": "…"}}')


def judged(text: str, prefilled: bool) -> str:
    """The completion as if its prompt had ended with ``<think>``."""
    if prefilled or isinstance(text, _Opened):
        return text
    opened = text.lstrip()
    if opened.startswith(THINK):
        return opened[len(THINK) :]
    # Thinking that was not opened is not the format: with a tag too many the rules say so, and find the code all the same.
    return THINK + text
