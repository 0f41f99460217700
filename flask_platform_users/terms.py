"""The host's own words for things: "clients" for "users".

They take the place of whole words in the plugin's own texts, before values are put into these.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

Terms = Mapping[str, str | Mapping[str, str]]
"""``{"user": "client", "users": "clients"}`` for English texts, and by the language for others:
``{"es": {"usuario": "cliente", "usuarios": "clientes"}}``."""

_CODE = re.compile(r"[a-z]{2,3}(_[A-Za-z0-9]+)*")
_VALUE = r"%\(\w+\)[sd]|\{\w+\}"
_MARKS = "\u0300-\u036f\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0962\u0963"
"""What is written onto letters, and belongs to the word."""

EXAMPLE = "terms={'user': 'client', 'users': 'clients'}"


class Words:
    """The words of one language, each with what takes its place."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = {word.lower(): other for word, other in words.items()}
        longest_first = sorted(map(re.escape, self.words), key=len, reverse=True)
        edge = f"[\\w{_MARKS}]"
        self._found = re.compile(
            f"{_VALUE}|(?<!{edge})({'|'.join(longest_first)})(?!{edge})", re.IGNORECASE
        )
        self.put = functools.cache(self._put)

    def _put(self, text: str) -> str:
        """Return a text with the host's words; where its values go stays as it is."""
        return self._found.sub(self._other, text)

    def _other(self, match: re.Match[str]) -> str:
        word = match[1]
        if word is None:
            return match[0]
        other = self.words[word.lower()]
        if word.isupper() and len(word) > 1:
            return other.upper()
        return other[0].upper() + other[1:] if word[0].isupper() else other


def words_of(terms: Terms, code: str) -> Words | None:
    """Return the words for a language by its code (``en``, ``pt_BR``), None if there are none."""
    found: dict[str, str] = {}
    if code.partition("_")[0] == "en":
        found |= {word: other for word, other in terms.items() if isinstance(other, str)}
    for name in (code.partition("_")[0], code):
        others = terms.get(name)
        found |= others if isinstance(others, Mapping) else {}
    return Words(found) if found else None


def terms_faults(terms: Any) -> Iterator[str]:
    """Find what is wrong with the host's words."""
    if not isinstance(terms, Mapping):
        yield (
            f"PlatformUsers(terms=...) was given {terms!r} ({type(terms).__name__}); expected a "
            f"dictionary, such as {EXAMPLE}."
        )
        return
    for name, other in terms.items():
        if not isinstance(other, Mapping):
            yield from _pair_faults(name, other, "")
        elif not isinstance(name, str) or not _CODE.fullmatch(name):
            yield (
                f"PlatformUsers(terms=...) has words for {name!r}, which is no language; expected "
                "a code such as 'es' or 'pt_BR'."
            )
        else:
            for word, its_other in other.items():
                yield from _pair_faults(word, its_other, f" for {name!r}")


def _pair_faults(word: Any, other: Any, where: str) -> Iterator[str]:
    for text in (word, other):
        if not isinstance(text, str) or not text.strip() or text != text.strip():
            expected = "a word"
        elif re.search(r"[%{}<>]", text):
            expected = "a word without %, { }, < and >"
        else:
            continue
        yield (
            f"PlatformUsers(terms=...) has {text!r}{where}; expected {expected}, such as {EXAMPLE}."
        )
