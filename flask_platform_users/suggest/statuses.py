"""How a user's status is kept: a column of words, or flags, moments and JSON beside each other."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from .guess import Guess, listed, quoted
from .schema import Field, Schema, best
from .words import (
    FINISHED,
    OF_SOMETHING_ELSE,
    STATUS,
    STATUS_WORDS,
    SWITCHED_ON,
    status_of,
)


@dataclass(frozen=True)
class Signal:
    """What one column says of one status.

    Attributes:
        status: the status.
        holds: the predicate under which a user has it.
        lacks: the predicate under which it does not keep a user from being active; empty where a
            column that says nothing of a user means that too.
        sets: how a function writes it to ``user``; empty where it cannot.
    """

    status: str
    holds: str
    lacks: str = ""
    sets: str = ""


def status(schema: Schema, fields: Sequence[Field]) -> tuple[Guess, str]:
    """Guess the status, and the function that writes it, empty where none is needed or known."""
    kept = _kept_in_a_column(schema, fields)
    if kept is not None:
        return kept, ""
    signals = list(_signals(schema, fields))
    flags = [field for field in fields if field.is_flag and set(field.words) & SWITCHED_ON]
    if len(flags) == 1 and [signal.status for signal in signals] == ["inactive"]:
        words = "active=True, inactive=False, blocked=None, pending=None"
        return Guess(f"Status.column({flags[0].code}, {words})", "a flag, and nothing else"), ""
    if signals:
        return _of_signals(signals)
    why = "no column is named like a status; all users count as active"
    number = best([field for field in fields if field.is_number], STATUS)
    if number is not None:
        found = ", ".join(map(str, schema.values(number))) or "numbers"
        why = f"{number.code} holds {found}; say which means what, as in "
        why += f"Status.column({number.code}, active=1, inactive=0, blocked=None, pending=None)"
    return Guess("", why), ""


def _kept_in_a_column(schema: Schema, fields: Sequence[Field]) -> Guess | None:
    named = best([field for field in fields if field.is_text], STATUS)
    if named is None:
        return None
    values = schema.values(named)
    default = getattr(named.column.default, "arg", None)
    if not values and isinstance(default, str):
        values = [default]
    if not values:
        why = "by its name; there are no rows whose words could be read, so check the four words"
        return Guess(f"Status.column({named.code})", why)
    words: dict[str, list[str]] = {name: [] for name in STATUS_WORDS}
    unknown: list[str] = []
    for value in values:
        meaning = status_of(value)
        (unknown if meaning is None else words[meaning]).append(value)
    if len(unknown) == len(values):
        return None
    if not words["active"] and unknown:
        words["active"].append(unknown.pop(0))
    if not words["active"]:
        words["active"].append("active")
    arguments = [_argument(name, found) for name, found in words.items() if found != [name]]
    source = "its enum" if isinstance(named.column.type, sa.Enum) else "the words in its rows"
    why = f"by {source}: {', '.join(values)}"
    if unknown:
        why += f"; what {' and '.join(map(repr, unknown))} means could not be told: add it"
    code = ", ".join([named.code, *arguments])
    return Guess(f"Status.column({code})", why)


def _argument(status: str, found: list[str]) -> str:
    if not found:
        return f"{status}=None"
    known = STATUS_WORDS[status]
    found = sorted(found, key=lambda word: known.index(word) if word in known else len(known))
    return f"{status}={listed(found)}"


def _signals(schema: Schema, fields: Sequence[Field]) -> Iterator[Signal]:
    finished = False
    for field in fields:
        for signal in _signals_of(schema, field):
            unfinished = bool(set(field.words).intersection(FINISHED))
            if unfinished and finished:  # one sign of a finished sign-up is enough
                continue
            finished |= unfinished
            # What a membership says is no attribute of the user that a function could set.
            yield signal if field.model is schema.user else replace(signal, sets="")


def _signals_of(schema: Schema, field: Field) -> Iterator[Signal]:
    words = set(field.words)
    if words & OF_SOMETHING_ELSE:
        return
    if isinstance(field.column.type, sa.JSON):
        yield from _in_json(schema, field)
    elif not (field.is_flag or field.is_moment):
        return
    elif words.intersection(FINISHED):
        yield _unfinished(field)
    elif field.is_flag and words & SWITCHED_ON:
        sets = f"user.{field.key} = status != {quoted('inactive')}"
        yield Signal("inactive", f"~{field.code}", field.code, sets)
    else:
        yield from _switched_off(field)


def _unfinished(field: Field) -> Signal:
    if field.is_flag:
        return Signal("pending", f"{field.code}.is_not(True)", field.code)
    return Signal("pending", f"{field.code}.is_(None)", f"{field.code}.is_not(None)")


def _switched_off(field: Field) -> Iterator[Signal]:
    for status in ("inactive", "blocked", "pending"):
        if not set(field.words).intersection(STATUS_WORDS[status]) - {"on", "off", "created"}:
            continue
        name, key = field.code, field.key
        if field.is_flag:
            sets = f"user.{key} = status == {quoted(status)}"
            yield Signal(status, name, f"{name}.is_not(True)", "" if status == "pending" else sets)
        elif status != "pending":
            now = "datetime.now(UTC)"
            if not getattr(field.column.type, "timezone", False):
                now += ".replace(tzinfo=None)"
            value = f"(user.{key} or {now}) if status == {quoted(status)} else None"
            yield Signal(
                status, f"{name}.is_not(None)", f"{name}.is_(None)", f"user.{key} = {value}"
            )
        return


def _in_json(schema: Schema, field: Field) -> Iterator[Signal]:
    """Find a status inside JSON: a key of that name whose values are words for one."""
    keys: dict[str, Counter[str]] = {}
    for value in schema.sample(field):
        for key, word in value.items() if isinstance(value, dict) else ():
            if isinstance(word, str) and STATUS.rank(key) is not None and status_of(word):
                keys.setdefault(key, Counter())[word] += 1
    for key, words in keys.items():
        for word in sorted(words):
            status = status_of(word)
            if status not in (None, "active"):
                yield Signal(status, f"{field.code}[{quoted(key)}].as_string() == {quoted(word)}")


def _of_signals(signals: Sequence[Signal]) -> tuple[Guess, str]:
    lacks = [signal.lacks for signal in signals if signal.lacks]
    arguments = [f"active={' & '.join(lacks) or 'true()'}"]
    for status in ("inactive", "blocked", "pending"):
        holds = [signal.holds for signal in signals if signal.status == status]
        if len(holds) > 1:
            holds = [f"({predicate})" for predicate in holds]
        if holds:
            arguments.append(f"{status}={' | '.join(holds)}")
    why = "by flags and moments; blocked comes first, then inactive, then pending"
    writing = [signal for signal in signals if signal.sets]
    written = {signal.status for signal in writing}
    kept = {signal.status for signal in signals} - {"pending"}
    if not writing or kept - written:
        why += "; give write= a function that changes it, so that owners can"
        return Guess(f"Status({', '.join(arguments)})", why), ""
    writes = tuple(name for name in ("active", "inactive", "blocked") if name in {"active"} | kept)
    arguments += ["write=write_status", f"writes={listed(writes)}"]
    body = "".join(f"    {signal.sets}\n" for signal in writing)
    return Guess(f"Status({', '.join(arguments)})", why), f"def write_status(user, status):\n{body}"
