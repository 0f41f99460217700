"""One guess: what would be written, and why; and how values are written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Guess:
    """What an argument of the mapping would be.

    Attributes:
        code: how it is written; empty where it could not be guessed.
        why: a sentence without its full stop, for the comment.
    """

    code: str
    why: str

    @property
    def comment(self) -> str:
        """The reason as a sentence."""
        sentence = self.why if self.why.endswith("?") else f"{self.why}."
        return f"Guess: {sentence}" if self.code else f"Not guessed: {sentence}"


def quoted(value: Any) -> str:
    """Write a value of a column: a text, or a number."""
    return json.dumps(value, ensure_ascii=False)


def listed(values: Sequence[str]) -> str:
    """Write one text, or a tuple of several."""
    return quoted(values[0]) if len(values) == 1 else f"({', '.join(map(quoted, values))})"
