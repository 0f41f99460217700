"""Nothing that people read is left out of the catalogues.

Every page is rendered in a language in which each text of the catalogues stands in brackets. What
is read outside of brackets is data, or a text that nobody could translate.
"""

import re
from collections.abc import Iterator
from gettext import NullTranslations
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa

from example_app.languages import NAMES
from example_app.models import db
from flask_platform_users import i18n

from .product import USERS
from .showroom import LONG_NAME, WHY, Showroom, opened
from .states import STATES
from .test_translations import said, texts

OF_THE_HOST = (
    *("WhatsApp (WABA)", "WhatsApp", "Webchat", "Instagram", "Company"),
    *("Team members", "Contacts", "Templates", "Campaigns", "Support case"),
    *("Send onboarding email", "Extend trial", "Days", "Reason", "Inbox"),
    *("Plan", "plan", "New this month", "Never signed in", "Block ends this week"),
    *("Over a limit", "Conversations", "Unread messages", "Latest", "API access", "Shared inbox"),
    *("Campaign reports", "Send the onboarding email to", "yes Over a limit"),
    *("By how many days should the subscription of", "go on"),
    *("New this month", "Never signed in", "Block ends this week", "Over a limit", "Plan"),
    *("Switchboard", "Write to the support of your platform", "People sign in at"),
    *NAMES["ar"].values(),
)
"""What the example calls things, in texts of its own."""

TYPED = (
    *(LONG_NAME, WHY, "Call before anything is changed.", "Asked for a demo.", "Under review"),
    *("Pilot customer", "Subscription overdue", "left us", "Partner", "Passwords were stolen"),
    *(
        "Its owner may not do this any more.",
        "Asked for help by mail",
        "Spam",
        "x" * 501,
        "/password",
        "/contacts",
    ),
)
"""What people typed in the showroom."""

PARAMETERS = ("sort",)
"""Names in an address, as the sentence about it tells them."""


class Bracketed(NullTranslations):
    """Puts the texts of the code into brackets, and no other."""

    def __init__(self) -> None:
        super().__init__()
        self._catalog = {
            key if isinstance(key, str) else key[0]: "" for key in texts(said()) if key
        }

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧" if message in self._catalog else message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧" if msgid1 in self._catalog else msgid2


class Read(HTMLParser):
    """Gathers what is read of the plugin's part of a page: the text, then each attribute.

    Args:
        titled: whether the page's title is the plugin's, too.
    """

    ATTRIBUTES = ("title", "aria-label", "placeholder", "alt", "data-left", "data-over")
    UNREAD = ("style", "script", "code", "kbd")

    def __init__(self, *, titled: bool) -> None:
        super().__init__()
        self.titled = titled
        self.text = ""
        self.others: list[str] = []
        self._inside: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        ours = "pu" in values.get("class", "").split() or "data-platform-users-banner" in values
        if self._inside or ours or (self.titled and tag == "title"):
            unread = tag in self.UNREAD or values.get("aria-hidden") == "true"
            if tag not in VOID:
                self._inside.append((tag, unread))
            self.others += [values[name] for name in self.ATTRIBUTES if values.get(name)]
            self.text += " "

    def handle_endtag(self, tag: str) -> None:
        if any(tag == inside for inside, _ in self._inside):
            while self._inside.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._inside and not any(unread for _, unread in self._inside):
            self.text += data


VOID = frozenset(
    {"input", "meta", "link", "br", "hr", "img", "use", "path", "circle", "line", "rect"}
)

DATA = re.compile(
    "|".join(
        (
            r"\d{1,2} [A-Z][a-z]+ \d{4}(, \d\d:\d\d \w+)?",  # a moment
            r"\d{4}-\d\d-\d\dT\d\d:\d\dZ",
            r"\d\d:\d\d UTC",
            r"[\d.,]+ (EUR|USD|GBP|INR|BRL)",
            r"(GET|POST|HEAD) /[\w/.-]*",
            r"\b(Europe|America|Asia)/\w+",
            r"\S+@\S+",
            r"\b(UTC|CES?T|CSV)\b",
            r"\{time\}",
        )
    )
)

WORDS = re.compile(r"[^\W\d_]{2,}(?:[ \u00a0]+[^\W\d_]+)*")


def outside(text: str) -> str:
    """Return what of a text stands outside of brackets."""
    depth, kept = 0, []
    for letter in text:
        depth += letter == "⟦"
        if not depth:
            kept.append(letter)
        elif letter == "⟧":
            depth -= 1
            kept.append(" ")
    assert depth == 0, text
    return "".join(kept)


def untranslated(page: str, data: list[str]) -> list[str]:
    """Return the words of a page that are neither a text of the catalogues nor data."""
    read = Read(titled='class="pu' in page)
    read.feed(page)
    rests = [DATA.sub(" ", outside(text)) for text in (read.text, *read.others)]
    everything = "\n".join(rests)
    there = [known for known in data if known in everything]
    found = []
    for rest in rests:
        for known in there:
            rest = rest.replace(known, " ")
        found += WORDS.findall(rest)
    return found


@pytest.fixture(scope="module")
def room() -> Iterator[Showroom]:
    with opened() as room:
        yield room


@pytest.fixture(scope="module")
def data(room: Showroom) -> list[str]:
    """What the product keeps in words, the longest first."""
    found: set[str] = {*OF_THE_HOST, *TYPED, *PARAMETERS}
    with room.app.app_context():
        for table in db.metadata.sorted_tables:
            if table.name.startswith("platform_users_"):
                continue
            for column in table.c:
                if isinstance(column.type, sa.String):
                    found |= {one or "" for one in db.session.scalars(sa.select(column).distinct())}
    return sorted(filter(WORDS.search, found), key=len, reverse=True)


@pytest.fixture(autouse=True)
def bracketed(room: Showroom, data: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    language = i18n.Language(None, Bracketed())
    monkeypatch.setattr(i18n, "_language_of", lambda *_: language)
    monkeypatch.delitem(room.app.extensions, f"{i18n.DOMAIN}_languages")


def test_no_page_has_a_text_that_cannot_be_translated(room: Showroom, data: list[str]) -> None:
    found: dict[str, str] = {}
    for state in {(state.who, state.path): state for state in STATES}.values():
        if state.path.startswith("//") and state.who not in {"second", "ended"}:
            continue
        browser = room.expired() if state.who == "ended" else room.session(state.who)
        path = state.path.format(**room.keys)
        answer = browser.get(path[1:] if path.startswith("//") else f"{USERS}{path}")
        for words in untranslated(answer.text, data):
            found.setdefault(words, state.name)
    assert not found, "\n".join(f"{words}   ({where})" for words, where in found.items())


SENT: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("block", "active", {"reason": "", "until": "2001-01-01T00:00"}),
    ("block", "active", {"reason": "x" * 501, "until": "9999-12-31T23:59"}),
    ("block", "active", {"reason": "Spam", "until": "never"}),
    ("block", "blocked", {"reason": "Spam"}),
    ("unblock", "active", {"reason": "x" * 501}),
    ("set_status", "active", {"status": "odd"}),
    ("set_status", "active", {}),
    ("delete", "active", {"reason": "", "confirm": ""}),
    ("delete", "active", {"reason": "Spam", "confirm": "Spam"}),
    ("add_note", "active", {"text": ""}),
    ("remove_note", "blocked", {}),
    ("assign_plan", "active", {"period": "date", "price": "much", "reason": ""}),
    ("assign_plan", "plain", {"offer": "1", "period": "month", "price": "1.001", "reason": "Spam"}),
    ("assign_plan", "plain", {"offer": "1", "period": "forever", "price": "1", "reason": "Spam"}),
    ("give_add_on", "active", {"offer": "1", "period": "year", "reason": "Spam"}),
    ("remove_add_on", "active", {"reason": ""}),
    ("extend_grant", "active", {"reason": ""}),
    ("lapse_grant", "blocked", {"reason": ""}),
    ("impersonate", "active", {"reason": "no"}),
    ("impersonate", "blocked", {"reason": "no"}),
)
"""Forms and those they are about, filled in as they should not be, or to be shown once more."""


@pytest.mark.parametrize(("action", "who", "fields"), SENT)
def test_nothing_that_is_said_of_a_form_is_left_out(
    room: Showroom, data: list[str], action: str, who: str, fields: dict[str, str]
) -> None:
    address = f"{USERS}/do/{action}/{room.keys[who]}"
    opened = room.hidden(room.owner.get(address).text)
    answer = room.owner.post(address, data=opened | fields)
    if answer.status_code == 303:
        answer = room.owner.get(answer.location)
    assert untranslated(answer.text, data) == []
