"""What is typed into the search box, read into one question.

Free words, many email addresses at once, and operators such as ``status:blocked signed-in:<30d``.
Nothing here knows a database or a request: what operators there are, and what they may be asked,
is handed in.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from .i18n import _, ngettext

WORDS = 100
"""So many characters of free words are searched for."""

EMAILS = 200
"""So many email addresses are looked for at once."""

EMAILS_TOLD = 3
"""So many of them are told one by one."""

Read = Callable[[str], str]
"""Returns the value of an operator as it is kept, or raises ``SearchError``."""

_TOKEN = re.compile(
    r"""
    (?P<name>[A-Za-z][\w-]*):(?:"(?P<quoted>[^"]*)"(?![^\s,;])|(?P<value>[^\s,;]*))
    |"(?P<phrase>[^"]+)"(?![^\s,;<])
    |(?P<gap>[,;])
    |(?P<word>[^\s,;]+)
    """,
    re.VERBOSE,
)
_EMAIL = re.compile(r"""[<("']*(?:mailto:)?([^\s:<>"()@]+@[^\s:<>"()@]+?)[.>)"']*""", re.IGNORECASE)


class SearchError(ValueError):
    """Something typed cannot be searched for; its text is a sentence for whoever typed it."""


@dataclass(frozen=True)
class Term:
    """An operator with its value: ``status:blocked``.

    Attributes:
        name: the name of a filter.
        value: what it is asked, as the filter's ``read`` returned it.
    """

    name: str
    value: str

    def __str__(self) -> str:
        value = f'"{self.value}"' if re.search(r"[\s,;]", self.value) else self.value
        return f"{self.name.replace('_', '-')}:{value}"


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is searched for; everything in it has to hold.

    Attributes:
        words: part of a username or email.
        emails: addresses, of which a user has one.
        terms: operators.
    """

    words: str = ""
    emails: tuple[str, ...] = ()
    terms: tuple[Term, ...] = ()

    @property
    def typed(self) -> str:
        """What could be typed for it."""
        words = f'"{self.words}"' if self._is_ambiguous else self.words
        return " ".join(filter(None, [*map(str, self.terms), *self.emails, words]))

    @property
    def _is_ambiguous(self) -> bool:
        """Whether the words would be read as something else."""
        if '"' in self.words:
            return False
        return ":" in self.words or (bool(self.emails) and _email(self.words) is not None)

    @property
    def told(self) -> str:
        """What it is, for a line of the history."""
        emails = list(self.emails)
        if len(emails) > EMAILS_TOLD:
            emails = [f"{len(emails)} email addresses"]
        words = [f"“{self.words}”"] if self.words else []
        return " ".join([*map(str, self.terms), *emails, *words])

    def is_like(self, other: "Search") -> bool:
        """Whether it asks for the same, in whatever order."""
        return (self.words.casefold(), {*self.emails}, {*self.terms}) == (
            other.words.casefold(),
            {*other.emails},
            {*other.terms},
        )

    def value(self, name: str) -> str | None:
        """Return what the first operator of a name asks, None if there is none."""
        return next((term.value for term in self.terms if term.name == name), None)

    def without(self, name: str) -> "Search":
        """Return it without the operators of one name."""
        return replace(self, terms=tuple(term for term in self.terms if term.name != name))


def parse(text: str, operators: Mapping[str, Read]) -> Search:
    """Read what was typed.

    ``name:value`` is an operator, ``"name:value"`` in quotes is not; a value with blanks stands in
    quotes. Two email addresses and more, however they are separated, are looked up exactly, without
    the names that a mail program puts before them; a single one is free words like any other.

    Args:
        text: what was typed or pasted.
        operators: the operators by their names; in these ``_`` stands for ``-`` too.

    Raises:
        SearchError: it names everything that was not understood.
    """
    terms: list[Term] = []
    emails: dict[str, None] = {}
    loose: list[str] = []
    rest: list[str] = []
    wrong: list[str] = []
    named = end = 0  # where in `loose` a name before an address may begin; up to where `rest` goes
    for token in _TOKEN.finditer(text):
        email = _email(token[0])
        if email:
            if token[0].startswith("<"):
                del loose[named:]
            emails[email] = None
        elif token["name"]:
            rest.append(text[end : token.start()])
            end = token.end()
            value = token["value"] if token["quoted"] is None else token["quoted"]
            try:
                terms.append(_term(token["name"], value, operators))
            except SearchError as error:
                wrong.append(str(error))
            continue
        elif not token["gap"]:
            loose.append(token["phrase"] or token["word"])
            continue
        named = len(loose)
    rest.append(text[end:])
    if len(emails) < 2:
        emails = {}
        words = " ".join(part.strip() for part in rest if part.strip())
        words = next((m["phrase"] for m in [_TOKEN.fullmatch(words)] if m and m["phrase"]), words)
    else:
        words = " ".join(loose)
    if len(words) > WORDS:
        wrong.append(_("The words to search for may have up to %(most)s characters.", most=WORDS))
    if len(emails) > EMAILS:
        wrong.append(
            ngettext(
                "This is %(num)s email address; up to %(most)s are looked for at once.",
                "These are %(num)s email addresses; up to %(most)s are looked for at once.",
                len(emails),
                most=EMAILS,
            )
        )
    if wrong:
        raise SearchError(" ".join(wrong))
    return Search(words=words, emails=tuple(emails), terms=tuple(dict.fromkeys(terms)))


def _email(text: str) -> str | None:
    found = _EMAIL.fullmatch(text)
    return None if found is None else found[1]


def _term(name: str, value: str, operators: Mapping[str, Read]) -> Term:
    key = name.casefold().replace("-", "_")
    if key not in operators:
        raise SearchError(
            _(
                "There is no filter “%(name)s”; there are %(names)s. To search for the words "
                "themselves, put them in quotes: %(quoted)s.",
                name=name,
                names=", ".join(known.replace("_", "-") for known in operators),
                quoted='"' + name + ":" + value + '"',
            )
        )
    if not value.strip():
        raise SearchError(_("Say what “%(name)s:” shall be, without a blank.", name=name))
    return Term(key, operators[key](value.strip()))
