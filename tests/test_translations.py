"""The catalogues hold what the code says, and pages are in the language of whoever reads them."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from babel.messages.catalog import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, g
from flask_babel import Babel, force_locale

from example_app.models import db
from flask_platform_users import Money
from flask_platform_users.formatting import ago, clock, day, moment, money, number
from flask_platform_users.i18n import (
    TRANSLATIONS,
    _,
    again,
    english,
    in_page,
    kept,
    language,
    lazy,
    ngettext,
)

from .html import parse
from .product import USERS, Product, opened

ROOT = Path(__file__).parent.parent
LANGUAGES = ("ar", "es", "hi", "pt")
PLACE = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")
NOW = datetime(2026, 5, 3, 14, 5, 9, tzinfo=UTC)

SPANISH = {
    "Status": "Estado",
    "Active": "Activo",
    "Inactive": "Inactivo",
    "Blocked": "Bloqueado",
    "Block": "Bloquear",
    "none": "nada",
    "This account is blocked.": "Esta cuenta está bloqueada.",
    "just now": "ahora mismo",
    "%(user)s is blocked already.": "%(user)s ya está bloqueado.",
    "{who} blocked {user}.": "{who} bloqueó a {user}.",
    "%(who)s tried “%(action)s” on %(user)s, which was refused.": (
        "%(who)s intentó «%(action)s» con %(user)s y se le denegó."
    ),
    "%(offer)s for %(price)s until %(moment)s": "%(offer)s por %(price)s hasta %(moment)s",
    "Seen as %(user)s": "Visto como %(user)s",
    "Choose a status.": "Elige un estado.",
    "Not a valid choice.": "No es una opción.",
    ("%(num)s user", "%(num)s users"): ("%(num)s usuario", "%(num)s usuarios"),
    ("%(num)s day ago", "%(num)s days ago"): ("hace %(num)s día", "hace %(num)s días"),
}


# The catalogues


@cache
def said() -> Catalog:
    """Return every text that the code says, found anew."""
    path = Path(tempfile.mkdtemp()) / "said.pot"
    words = ["-k", "lazy", "-k", "pu_", "-k", "pu_n:1,2", "--no-location", "-o", str(path)]
    settings = str(ROOT / "pyproject.toml")
    CommandLineInterface().run(  # type: ignore[no-untyped-call]
        ["pybabel", "-q", "extract", "-F", settings, *words, str(ROOT)]
    )
    with path.open("rb") as file:
        return read_po(file)


@cache
def catalogue(code: str) -> Catalog:
    with (TRANSLATIONS / code / "LC_MESSAGES" / "flask_platform_users.po").open("rb") as file:
        return read_po(file, locale=code)


def texts(found: Catalog) -> dict[Any, Message]:
    return {message.id: message for message in found if message.id}


def forms(message: Message) -> list[str]:
    """Return the translations of a text: one, or those of a number of things."""
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_text_of_the_code_is_in_each_catalogue_and_no_other(code: str) -> None:
    there, wanted = set(texts(catalogue(code))), set(texts(said()))
    assert wanted - there == set(), "run make texts"
    assert there - wanted == set(), "run make texts"


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_translation_has_the_values_of_its_text_and_all_plural_forms(code: str) -> None:
    found = catalogue(code)
    for message in texts(found).values():
        plural = not isinstance(message.id, str)
        if not any(forms(message)):
            continue
        assert len(list(filter(None, forms(message)))) == (found.num_plurals if plural else 1)
        wanted = set(PLACE.findall(message.id if isinstance(message.id, str) else message.id[1]))
        for form in forms(message):
            here = set(PLACE.findall(form))
            if plural:  # "one user" and "two users" need no number
                assert here <= wanted <= here | {("num", "")}, (message.id, form)
            else:
                assert here == wanted, (message.id, form)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_text_is_translated(code: str) -> None:
    found = texts(catalogue(code)).values()
    missing = [m.id for m in found if m.fuzzy or not forms(m) or not all(forms(m))]
    assert missing == []


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_texts(code: str) -> None:
    made = BytesIO()
    write_mo(made, catalogue(code))
    path = TRANSLATIONS / code / "LC_MESSAGES" / "flask_platform_users.mo"
    assert path.read_bytes() == made.getvalue(), "run make texts"


@pytest.mark.parametrize(("code", "number"), [("ar", 6), ("es", 2), ("hi", 2), ("pt", 2)])
def test_each_language_has_its_plural_forms(code: str, number: int) -> None:
    assert catalogue(code).num_plurals == number


# The reader's language


def write(folder: Path, code: str, found: Mapping[Any, Any]) -> None:
    """Write a catalogue, as a host that has one of its own keeps it."""
    made = Catalog(locale=code)
    for key, text in found.items():
        made.add(key, text)
    path = folder / code / "LC_MESSAGES" / "flask_platform_users.mo"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_mo(file, made)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translations")
    spanish = {
        key: (*text, text[-1]) if isinstance(text, tuple) else text for key, text in SPANISH.items()
    }  # Babel's Spanish has a form for millions
    write(folder, "es", spanish)
    return folder


@pytest.fixture
def shop(own: Path) -> Flask:
    """A host with Flask-Babel and texts of its own."""
    app = Flask("shop")
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(own)
    Babel(app, locale_selector=lambda: g.get("chosen", "es"))
    return app


def test_texts_are_in_the_language_that_the_host_chooses(shop: Flask) -> None:
    label = lazy("Block")
    with shop.test_request_context():
        assert _("%(user)s is blocked already.", user="Ana") == "Ana ya está bloqueado."
        assert label == "Bloquear"
        assert ngettext("%(num)s user", "%(num)s users", 1) == "1 usuario"
        assert ngettext("%(num)s user", "%(num)s users", 12345) == "12.345 usuarios"
        with force_locale("en"):
            assert label == "Block"


@pytest.mark.parametrize("code", ["en", "en_GB", "sv"])
def test_where_there_is_no_catalogue_all_is_english_values_too(shop: Flask, code: str) -> None:
    with shop.test_request_context():
        g.chosen = code
        assert language().code == "en"
        assert _("Block") == "Block"
        assert number(12345) == "12,345"
        assert moment(NOW) == "3 May 2026, 14:05 UTC"


def test_values_are_written_as_in_the_language(shop: Flask) -> None:
    with shop.test_request_context():
        assert number(1234567) == "1.234.567"
        assert money(Money(Decimal("1204.5"), "EUR")) == "1.204,50\N{NO-BREAK SPACE}€"
        assert moment(NOW) == "3 de mayo de 2026, 14:05 UTC"
        assert day(NOW) == "3 de mayo de 2026"
        assert clock(NOW) == "14:05:09"
        assert ago(NOW, NOW) == "ahora mismo"
        assert ago(NOW.replace(day=1), NOW) == "hace 2 días"


def test_a_page_says_its_language_and_direction(shop: Flask) -> None:
    with shop.test_request_context():
        assert (language().code, language().direction) == ("es", "ltr")
        with force_locale("ar"):
            assert (language().code, language().direction) == ("ar", "rtl")


def test_outside_of_a_request_only_a_forced_locale_counts(shop: Flask) -> None:
    with shop.app_context():
        assert _("Block") == "Block"
        with force_locale("es"):
            assert _("Block") == "Bloquear"


def test_a_text_knows_what_it_is_in_english(shop: Flask) -> None:
    with shop.test_request_context():
        text = _(
            "%(who)s tried “%(action)s” on %(user)s, which was refused.",
            who="Eva",
            action=lazy("Block"),
            user="Ana",
        )
        assert text == "Eva intentó «Bloquear» con Ana y se le denegó."
        assert kept(text) == "Eva tried “Block” on Ana, which was refused."
        assert kept(lazy("Block")) == kept(_("Block")) == "Block"
        with english():
            assert (_("Block"), number(12345)) == ("Block", "12,345")


def test_what_was_kept_in_english_is_read_in_the_readers_language(shop: Flask) -> None:
    with shop.test_request_context():
        assert again("Blocked") == "Bloqueado"
        assert again("Ana is blocked already.") == "Ana ya está bloqueado."
        assert again("Blocked is blocked already.") == "Blocked ya está bloqueado."
        assert again("Pro for 9.00 EUR until 2026-05-03T14:05Z") == (
            "Pro por 9.00 EUR hasta 2026-05-03T14:05Z"
        )
        assert again("Ana owes us money.") == "Ana owes us money."


def test_markup_is_put_into_a_text_and_nothing_else_is_markup(shop: Flask) -> None:
    from markupsafe import Markup

    with shop.test_request_context():
        found = in_page("Seen as %(user)s", user=Markup("<bdi>%s</bdi>") % "<Ana>")
        assert found == Markup("Visto como <bdi>&lt;Ana&gt;</bdi>")
        assert not isinstance(in_page("Seen as %(user)s", user="<Ana>"), Markup)


# The product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, own: Path) -> Iterator[Product]:
    with opened("sqlite", tmp_path_factory.mktemp("languages")) as product:
        product.app.extensions["babel"].translation_directories.insert(0, str(own))
        yield product


@pytest.fixture
def spanish(product: Product) -> Iterator[Product]:
    """The owner reads Spanish."""
    choose(product, "es")
    yield product
    choose(product, "en")


def choose(product: Product, code: str) -> None:
    token = product.hidden(product.owner.get("/settings").text)["csrf_token"]
    answer = product.owner.post("/language", data={"csrf_token": token, "language": code})
    assert answer.location == "/settings"


def test_the_history_is_kept_in_english_and_read_in_each_language(spanish: Product) -> None:
    key, name = spanish.some_user()
    done = spanish.act("block", key, reason="Overdue").location
    assert f"owner@acme.example bloqueó a {name}." in spanish.owner.get(done).text
    refused = spanish.owner.post(
        f"{USERS}/do/block/{key}", data=spanish.form("unblock", key) | {"reason": "x"}
    )
    assert f"{name} ya está bloqueado." in refused.text
    last = spanish.events(key)[-1]
    assert (last.outcome, last.reason) == ("refused", f"{name} is blocked already.")
    (change,) = spanish.events(key)[0].changes.items()
    assert change == ("Status", ("Active", "Blocked"))
    choose(spanish, "en")
    assert f"owner@acme.example blocked {name}." in spanish.owner.get(done).text


def test_somebody_who_may_not_sign_in_is_told_in_their_language(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _name = product.some_user()
    product.act("set_status", key, status="blocked")
    monkeypatch.setattr(product.extension.policy, "language_of", lambda _: "es")
    with product.app.test_request_context():
        sentence = product.extension.may_sign_in(product.user(key)).sentence
    assert sentence == "Esta cuenta está bloqueada."
    assert type(sentence) is str  # sessions of some products keep nothing that is only like one


def test_a_form_that_was_opened_in_another_language_is_not_stale(product: Product) -> None:
    key, _name = product.some_user()
    form = product.form("block", key)
    choose(product, "es")
    answer = product.owner.post(f"{USERS}/do/block/{key}", data=form | {"reason": "Overdue"})
    choose(product, "en")
    assert answer.status_code == 303


def test_what_is_wrong_with_a_field_is_said_in_the_readers_language(spanish: Product) -> None:
    key, _name = spanish.some_user()
    assert "Elige un estado." in spanish.act("set_status", key).text
    assert "No es una opción." in spanish.act("set_status", key, status="odd").text


def test_a_file_is_in_english_whoever_asks_for_it(spanish: Product) -> None:
    token = {"csrf_token": spanish.hidden(spanish.owner.get(f"{USERS}/").text)["csrf_token"]}
    lines = spanish.owner.post(f"{USERS}/users.csv?q=owner@acme", data=token).text.splitlines()
    assert '"Status"' in lines[0]
    assert '"Active"' in lines[1]


def test_arabic_is_written_from_right_to_left(product: Product) -> None:
    choose(product, "ar")
    page = parse(product.owner.get(f"{USERS}/").text)
    choose(product, "en")
    assert page.one("html").attributes["dir"] == "rtl"
    wrapper = next(node for node in page.all("div") if node.attributes.get("class") == "pu")
    assert (wrapper.attributes["lang"], wrapper.attributes["dir"]) == ("ar", "rtl")


def test_a_database_that_does_not_answer_is_told_of_in_some_language(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> str:
        raise sa.exc.OperationalError("SELECT 1", {}, Exception("the server is gone"))

    monkeypatch.setattr(product.app.extensions["babel"], "locale_selector", down)
    monkeypatch.setattr(
        product.extension, "directory", lambda _: db.session.execute(sa.text("SELECT odd"))
    )
    product.app.logger.disabled = True
    answer = product.owner.get(f"{USERS}/")
    product.app.logger.disabled = False
    assert answer.status_code == 503
    assert "Platform users is unavailable" in answer.text
