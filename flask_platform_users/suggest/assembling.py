"""All guesses together, and the module that they are printed as."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from flask_sqlalchemy import SQLAlchemy

from .counts import Counts, counts
from .guess import Guess
from .people import created, email, last_login, phone, role, username
from .platforms import belonging
from .policies import policy
from .schema import Schema, importable
from .statuses import status

PLUGIN = ("Count", "Many", "PlatformUsers", "Policy", "Status", "Users")
WIDTH = 96


@dataclass(frozen=True)
class Suggestion:
    """Everything that was guessed of a host.

    Attributes:
        users: the arguments of ``Users``, in order.
        write_status: a function that writes the status, empty where none is needed.
        counts: what is counted.
        policy: what ``platform_of`` returns.
    """

    schema: Schema
    users: dict[str, Guess]
    write_status: str
    counts: Counts
    policy: Guess

    @classmethod
    def of(cls, db: SQLAlchemy, model: type[Any]) -> "Suggestion":
        """Read a user model and what surrounds it."""
        schema = Schema(db, model)
        place = belonging(schema)
        fields = schema.fields(model)
        if place.membership is not None:  # what is said of somebody there is said of them here
            fields = [*schema.fields(place.membership), *fields]
        address = email(schema, fields)
        state, write = status(schema, fields)
        users = {"platform": place.guess} | ({} if place.join is None else {"join": place.join})
        users |= {"username": username(schema, fields, address), "email": address, "status": state}
        users |= {"phone": phone(fields), "role": role(schema, fields)}
        users |= {"last_login": last_login(fields), "created": created(fields)}
        return cls(
            schema,
            users,
            write,
            counts(schema, place),
            policy(schema, place, fields),
        )

    @property
    def not_guessed(self) -> dict[str, str]:
        """The arguments that could not be guessed, and why."""
        guesses = self.users | {"policy": self.policy}
        missing = {name: guess.why for name, guess in guesses.items() if not guess.code}
        if self.counts.unclear:
            names = " or ".join(self.counts.unclear)
            missing["channels"] = f"no name tells whether {names} counts a kind of them"
        elif not self.counts.channels:
            missing["channels"] = "no table that points at the user looks like one of channels"
        return missing

    def source(self) -> str:
        """Return the module to paste: imports, policy, mapping, with a comment at each guess."""
        body = "\n".join(self._body())
        return "\n".join([*self._head(), *self._imports(body), "", "", body, ""])

    def _head(self) -> Iterator[str]:
        yield from _comment(
            "What “flask platform-users suggest” made of "
            f"{self.schema.user.__module__}:{self.schema.user.__qualname__}. "
            "Read each comment, correct what is wrong, and delete it."
        )
        if self.schema.unreadable:
            yield from _comment("The database could not be read: no guess is by its data.")
        for name, why in self.not_guessed.items():
            yield from _comment(f"Not guessed: {name}, since {why}.")
        for why in self.counts.left_out:
            yield from _comment(f"Not counted: {why}.")

    def _body(self) -> Iterator[str]:
        if self.write_status:
            yield from (self.write_status, "")
        yield "class PlatformPolicy(Policy):"
        yield "    def platform_of(self, actor):"
        yield from _comment(self.policy.comment, 8)
        yield f"        return {self.policy.code or None}"
        yield from ("", "", "platform_users = PlatformUsers(", "    db,", "    users=Users(")
        yield f"        {self.schema.names[self.schema.user]},"
        for name, guess in self.users.items():
            yield from _argument(name, guess)
        yield "    ),"
        for name, group in (("channels", self.counts.channels), ("usage", self.counts.usage)):
            if group:
                yield f"    {name}=["
                for guess in group.values():
                    yield from _comment(guess.comment, 8)
                    yield laid_out(f"        {guess.code},")
                yield "    ],"
        yield from ("    policy=PlatformPolicy(),", ")")
        yield '# In your factory: platform_users.init_app(app, url_prefix="/platform/users")'

    def _imports(self, body: str) -> Iterator[str]:
        code = re.sub(r"^ *#.*", "", body, flags=re.MULTILINE)

        def used(names: Iterable[str]) -> list[str]:
            return [name for name in names if re.search(rf"\b{re.escape(name)}\b", code)]

        if "datetime.now" in code:
            yield "from datetime import UTC, datetime\n"
        if used(["true"]):
            yield "from sqlalchemy import true\n"
        yield _imported("flask_platform_users", used(PLUGIN)) + "\n"
        near = self.schema.user.__module__
        sources: dict[str, set[str]] = {}
        database = importable(self.schema.db, near)
        if database is None:
            yield "# Import your Flask-SQLAlchemy object as db here: no module has it by a name."
        else:
            sources.setdefault(database[0], set()).add(_named(database[1], "db"))
        for model, name in self.schema.names.items():
            if used([name]):
                sources.setdefault(model.__module__, set()).add(_named(model.__name__, name))
        for module, names in sorted(sources.items()):
            yield _imported(module, names)


def _argument(name: str, guess: Guess) -> Iterator[str]:
    """Print an argument; one that is needed and was not guessed as what the checks will refuse."""
    code = guess.code or {"status": "Status(active=true())"}.get(name)
    if code or name in {"platform", "username", "email"}:
        yield from _comment(guess.comment, 8)
        yield laid_out(f"        {name}={code},")


def laid_out(line: str) -> str:
    """Put what stands inside the first brackets of a long line on lines of its own."""
    if len(line) <= WIDTH or "(" not in line:
        return line
    indent = " " * (len(line) - len(line.lstrip()))
    start, end = line.index("(") + 1, line.rindex(")")
    parts, depth, last, in_text = [], 0, start, False
    for place in range(start, end):
        in_text ^= line[place] == '"' and line[place - 1] != "\\"
        depth += 0 if in_text else (line[place] in "([") - (line[place] in ")]")
        if line[place] == "," and not depth and not in_text:
            parts.append(line[last:place])
            last = place + 1
    parts.append(line[last:end])
    inner = "".join(f"{indent}    {part.strip()},\n" for part in parts)
    return f"{line[:start]}\n{inner}{indent}{line[end:]}"


def _imported(module: str, names: Iterable[str]) -> str:
    line = f"from {module} import {', '.join(sorted(names))}"
    return line if len(line) <= WIDTH else laid_out(line.replace("import ", "import (") + ")")


def _named(name: str, wanted: str) -> str:
    return name if name == wanted else f"{name} as {wanted}"


def _comment(text: str, indent: int = 0) -> list[str]:
    start = " " * indent + "# "
    return wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=start,
        break_long_words=False,
        break_on_hyphens=False,
    )
