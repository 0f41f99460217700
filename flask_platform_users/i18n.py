"""What people read, in their language.

Where the host has set Flask-Babel up, texts come from the catalogues in ``translations/``, in the
locale that the host chooses for the request; everywhere else they are English. English text is its
own key; values go into it by name: ``_("Block %(user)s?", user=name)``.

What is kept (in the history, of a job) is kept in English: ``kept`` returns what a text is in
English, ``english`` makes all texts within it so, and ``again`` returns what was kept in the
language of whoever reads it now.
"""

import functools
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from gettext import NullTranslations
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from flask import current_app, g, has_app_context, has_request_context, request
from markupsafe import Markup

from .terms import Terms, Words, words_of

if TYPE_CHECKING:
    from babel import Locale

    from .extension import PlatformUsers

log = logging.getLogger(__name__)

TRANSLATIONS = Path(__file__).parent / "translations"
DOMAIN = "flask_platform_users"
_INSTALLED = find_spec("flask_babel") is not None
_in_english: ContextVar[bool] = ContextVar("platform_users_in_english", default=False)


class Text(str):
    """A text in the reader's language, which knows what it is in English."""

    english: str

    @classmethod
    def of(cls, text: str, english: str) -> "Text":
        """Return a text with what it is in English."""
        found = cls(text)
        found.english = english
        return found

    def lower(self) -> "Text":
        """Return it in small letters."""
        return Text.of(super().lower(), self.english.lower())


def gettext(text: str, /, **values: object) -> str:
    """Return a text in the reader's language, with values put into it by their names."""
    return _filled(language().text(text), text, values)


def ngettext(singular: str, plural: str, num: int, /, **values: object) -> str:
    """Return a text of a number of things; ``%(num)s`` in it is the number as people write it."""
    from .formatting import number

    english = singular if num == 1 else plural
    found = language().text_of_number(singular, plural, num)
    return _filled(found, english, {"num": number(num), **values})


_ = gettext


def _filled(found: str, english: str, values: Mapping[str, object]) -> str:
    text = found % values if values else found
    if found is english and not any(map(_is_lazy, values.values())):
        return text
    own = {name: kept(v) if _is_lazy(v) else v for name, v in values.items()}
    return Text.of(text, english % own if own else english)


def kept(text: object) -> str:
    """Return a text as it is kept: in English where it is ours, or a lazy one of the host's."""
    if isinstance(text, Text | Lazy):
        return text.english
    if isinstance(text, str):
        return text
    with english():
        return str(text)


def _is_lazy(value: object) -> bool:
    """Say whether a value may be another one in English: a text of ours, or any lazy one."""
    return isinstance(value, Text) or not isinstance(value, str | int)


@contextmanager
def english() -> Iterator[None]:
    """Have all texts in English, the host's own too, and all values written the English way."""
    if _in_english.get():
        yield
        return
    token = _in_english.set(True)
    try:
        with _host_in_english():
            yield
    finally:
        _in_english.reset(token)


def _host_in_english() -> AbstractContextManager[None]:
    if not _INSTALLED or not has_app_context() or "babel" not in current_app.extensions:
        return nullcontext()
    from flask_babel import force_locale

    found: AbstractContextManager[None] = force_locale("en")
    return found


@contextmanager
def at_any_rate() -> Iterator[None]:
    """Have texts in English where the host fails to say in which language they are to be."""
    try:
        language()
    except Exception:
        current_app.logger.exception("The locale of the request could not be found out")
        with english():
            yield
    else:
        yield


def again(text: str) -> str:
    """Return a text of ours that was kept in English in the reader's language; others unchanged."""
    return Text.of(language().again(text), text)


def joined(separator: str, texts: Iterable[str]) -> str:
    """Return several texts as one."""
    found = list(texts)
    return Text.of(separator.join(map(str, found)), separator.join(map(kept, found)))


# In templates


def in_page(text: str, /, **values: object) -> str:
    """Return a text for a template; a value may be markup, which the others are not."""
    found = gettext(text) if _has_markup(values) else gettext(text, **values)
    return Markup.escape(found) % values if _has_markup(values) else found


def in_page_of_number(singular: str, plural: str, num: int, /, **values: object) -> str:
    """Return a text of a number of things for a template; a value may be markup."""
    from .formatting import number

    if not _has_markup(values):
        return ngettext(singular, plural, num, **values)
    found = language().text_of_number(singular, plural, num)
    return Markup.escape(found) % {"num": number(num), **values}


def _has_markup(values: Mapping[str, object]) -> bool:
    return any(isinstance(value, Markup) for value in values.values())


# At import


class Lazy:
    """A text that is translated when it is read: for labels that are said once, at import."""

    def __init__(self, text: str, values: dict[str, object]) -> None:
        self._text = text
        self._values = values

    @property
    def english(self) -> str:
        """What it is in English."""
        return self._text % self._values if self._values else self._text

    def __str__(self) -> str:
        return str.__str__(gettext(self._text, **self._values))  # no text that knows more

    def __repr__(self) -> str:
        return repr(str(self))

    def __html__(self) -> str:
        return Markup.escape(str(self))

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

    def __iter__(self) -> Iterator[str]:
        return iter(str(self))

    def __add__(self, other: str) -> str:
        return str(self) + other

    def __radd__(self, other: str) -> str:
        return other + str(self)

    def __mod__(self, values: object) -> str:
        return str(self) % values

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copying and pickling ask for what a text need not have
            raise AttributeError(name)
        return getattr(gettext(self._text, **self._values), name)


def lazy(text: str, /, **values: object) -> str:
    """Return a text that is translated when it is read; it behaves like the ``str`` it becomes."""
    return cast(str, Lazy(text, values))


# Whose language


@dataclass(frozen=True, eq=False)
class Language:
    """The texts of one language, with the host's words for things.

    Attributes:
        locale: None is English, as it is written here, and its values as the English write them.
        catalogue: the translations; None where a text is its own.
        words: the host's; None if there are none.
    """

    locale: "Locale | None" = None
    catalogue: NullTranslations | None = None
    words: Words | None = None

    @property
    def code(self) -> str:
        """What a page says of it (BCP 47): ``pt-BR``."""
        return "en" if self.locale is None else str(self.locale).replace("_", "-")

    @property
    def direction(self) -> str:
        """Which way it is written: ``ltr`` or ``rtl``."""
        return "ltr" if self.locale is None else self.locale.text_direction

    def text(self, text: str) -> str:
        """Return a text in this language."""
        found = self.catalogue.gettext(text) if self.catalogue is not None and text else text
        return found if self.words is None else self.words.put(found)

    def text_of_number(self, singular: str, plural: str, num: int) -> str:
        """Return the form of a text that goes with a number."""
        found = "" if self.catalogue is None else self.catalogue.ngettext(singular, plural, num)
        found = found or (singular if num == 1 else plural)  # empty as long as it is untranslated
        return found if self.words is None else self.words.put(found)

    def again(self, text: str) -> str:
        """Return a text that was kept in English in this language."""
        if self.catalogue is None or not text:
            return text
        found = self.text(text)
        if found != text:
            return found
        for pattern, key in self._patterns:
            match = pattern.fullmatch(text)
            if match:
                return gettext(key, **{n: self._value(n, v) for n, v in match.groupdict().items()})
        return text

    def _value(self, name: str, value: str) -> str:
        return value if name in _NAMES else self.again(value)

    @functools.cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """Texts that values go into, each as what they look like then; the longest first."""
        found = [key for key in _keys(self.catalogue) if "%(" in key]
        found.sort(key=lambda key: len(_PLACE.sub("", key)), reverse=True)
        return [(_pattern_of(key), key) for key in found if len(_PLACE.sub("", key)) > _TELLING]


ENGLISH = Language()

_KEPT = "_platform_users_language"

_NAMES = frozenset({"user", "who", "name"})
"""Placeholders of what is somebody's name, and so in no language."""

_TELLING = 6
"""A text is known again by more than so many characters beside its values."""

_PLACE = re.compile(r"%\((\w+)\)s")


def _pattern_of(key: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts = []
    for place, part in enumerate(_PLACE.split(key)):
        if place % 2 == 0:
            parts.append(re.escape(part.replace("%%", "%")))
        else:
            parts.append(f"(?P={part})" if part in seen else f"(?P<{part}>.+?)")
            seen.add(part)
    return re.compile("".join(parts), re.DOTALL)


def _keys(catalogue: Any) -> Iterator[str]:
    while catalogue is not None:
        yield from (key for key in getattr(catalogue, "_catalog", ()) if isinstance(key, str))
        catalogue = catalogue._fallback


def language() -> Language:
    """Return the language of whoever reads. It is asked for with each text, and so kept at hand."""
    if _in_english.get() or not has_app_context():
        return ENGLISH
    here = cast(Any, g)._get_current_object()
    asked = cast(Any, request)._get_current_object() if has_request_context() else None
    known: tuple[Any, Any, Language] | None = getattr(here, _KEPT, None)
    if known is None or known[0] is not asked or known[1] is not _chosen(here):
        found = _language()  # which may choose a locale
        known = (asked, _chosen(here), found)
        setattr(here, _KEPT, known)
    return known[2]


def _chosen(here: Any) -> "Locale | None":
    """Return the locale that Flask-Babel has chosen already; it may be another one any time."""
    return getattr(getattr(here, "_flask_babel", None), "babel_locale", None)


def _language() -> Language:
    locale, mount = _locale(), _mount()
    terms = None if mount is None else mount.terms
    if locale is None and not terms:
        return ENGLISH
    known: dict[Any, Language] = current_app.extensions.setdefault(f"{DOMAIN}_languages", {})
    key = (str(locale), mount.name if mount is not None and terms else None)
    if key not in known:
        known[key] = _language_of(locale, terms)
    return known[key]


@contextmanager
def in_language(code: str | None) -> Iterator[None]:
    """Have all texts in somebody else's language; None, and what Babel does not know, change none.

    Args:
        code: such as ``pt-BR``. Without Flask-Babel it changes nothing either.
    """
    if code is None or _locale() is None:
        yield
        return
    from babel import Locale, UnknownLocaleError
    from flask_babel import force_locale

    try:
        locale = Locale.parse(code, sep="-" if "-" in code else "_")
    except (UnknownLocaleError, ValueError):
        log.warning("Policy.language_of names the language %r, which Babel does not know", code)
        yield
        return
    with force_locale(str(locale)):
        yield


def _language_of(locale: "Locale | None", terms: Terms | None) -> Language:
    catalogue = None if locale is None else _catalogue_of(locale)
    if catalogue is None or (locale is not None and locale.language == "en"):
        locale = None
    words = words_of(terms, "en" if locale is None else str(locale)) if terms else None
    return Language(locale, catalogue, words)


def _mount() -> "PlatformUsers | None":
    """Return the mount whose page it is; of any other page, the only one that there is."""
    mounts: dict[str, PlatformUsers] = current_app.extensions.get("platform_users", {})
    name = (request.blueprint or "").partition(".")[0] if has_request_context() else ""
    return mounts.get(name) or (next(iter(mounts.values())) if len(mounts) == 1 else None)


def _locale() -> "Locale | None":
    """Return the locale of the request; None where Flask-Babel is not installed or not set up.

    Outside of a request there is nobody to choose one for, so that only ``force_locale`` counts.
    """
    if not _INSTALLED or "babel" not in current_app.extensions:
        return None
    if not has_request_context():
        return _chosen(g)
    from flask_babel import get_locale

    ask: Callable[[], Locale | None] = get_locale
    return ask()


def _catalogue_of(locale: "Locale") -> NullTranslations | None:
    """Return the texts of a locale, None where there are none: the host's own before ours."""
    from babel.support import Translations

    found: NullTranslations | None = None
    for directory in (*current_app.extensions["babel"].translation_directories, TRANSLATIONS):
        catalogue = Translations.load(str(directory), [str(locale)], DOMAIN)
        if not isinstance(catalogue, Translations):
            continue
        if found is None:
            found = catalogue
        else:
            found.add_fallback(catalogue)
    return found
