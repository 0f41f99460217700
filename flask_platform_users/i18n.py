"""What people read, in their language.

Where the host has set Flask-Babel up, texts come from the catalogues in ``translations/``, in the
locale that the host chooses for the request; everywhere else they are English. English text is its
own key; values go into it by name: ``_("Block %(user)s?", user=name)``.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from flask import current_app, has_app_context

if TYPE_CHECKING:
    from flask_babel import Domain

TRANSLATIONS = Path(__file__).parent / "translations"
DOMAIN = "flask_platform_users"
_INSTALLED = find_spec("flask_babel") is not None


def gettext(text: str, **values: object) -> str:
    """Return a text in the reader's language, with values put into it by their names."""
    domain = _domain()
    found = text if domain is None else domain.get_translations().ugettext(text)
    return found % values if values else found


def ngettext(singular: str, plural: str, num: int, **values: object) -> str:
    """Return a text of a number of things; ``%(num)s`` in it is the number as people write it."""
    from .formatting import number

    domain = _domain()
    if domain is None:
        found = singular if num == 1 else plural
    else:
        found = domain.get_translations().ungettext(singular, plural, num)
    return found % {"num": number(num), **values}


_ = gettext


class Lazy:
    """A text that is translated when it is read: for labels that are said once, at import."""

    def __init__(self, text: str, values: dict[str, object]) -> None:
        self._text = text
        self._values = values

    def __str__(self) -> str:
        return gettext(self._text, **self._values)

    def __repr__(self) -> str:
        return repr(str(self))

    def __html__(self) -> str:
        from markupsafe import escape

        return escape(str(self))

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, str | Lazy) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __len__(self) -> int:
        return len(str(self))

    def __contains__(self, part: str) -> bool:
        return part in str(self)

    def __add__(self, other: str) -> str:
        return str(self) + other

    def __radd__(self, other: str) -> str:
        return other + str(self)

    def __mod__(self, values: object) -> str:
        return str(self) % values

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copying and pickling ask for what a text need not have
            raise AttributeError(name)
        return getattr(str(self), name)


def lazy(text: str, **values: object) -> str:
    """Return a text that is translated when it is read; it behaves like the ``str`` it becomes."""
    return cast(str, Lazy(text, values))


def _domain() -> "Domain | None":
    """Return the catalogues; None where Flask-Babel is not installed or not set up."""
    if not _INSTALLED or not has_app_context() or "babel" not in current_app.extensions:
        return None
    from flask_babel import Domain

    found = current_app.extensions.get(f"{DOMAIN}_texts")
    if found is None:
        found = Domain(str(TRANSLATIONS), DOMAIN)
        current_app.extensions[f"{DOMAIN}_texts"] = found
    return cast("Domain", found)
