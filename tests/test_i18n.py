"""Texts in the reader's language, whatever the host has of Flask-Babel."""

from flask import Flask
from flask_babel import Babel, get_locale
from flask_babel.speaklater import LazyString

from flask_platform_users.i18n import _, english, kept, lazy, ngettext


def test_texts_are_english_where_there_is_no_app() -> None:
    assert _("Block %(user)s?", user="50 %") == "Block 50 %?"
    assert ngettext("%(num)s user", "%(num)s users", 1) == "1 user"
    assert ngettext("%(num)s user", "%(num)s users", 1204) == "1,204 users"


def test_a_percent_sign_stays_where_no_value_is_put_in() -> None:
    assert _("100 % done") == "100 % done"


def test_a_lazy_text_behaves_like_the_text() -> None:
    label = lazy("Log in as")
    assert f"{label}: {label.lower()}" == "Log in as: log in as"
    assert label == "Log in as"
    assert {label: 1}["Log in as"] == 1


def test_flask_babel_that_is_not_initialised_translates_nothing() -> None:
    with Flask(__name__).app_context():
        assert _("Users") == "Users"


def test_a_lazy_text_of_the_host_is_kept_in_english_too() -> None:
    """Alone, within a text of ours, and while all is said in English."""
    app = Flask(__name__)
    Babel(app, locale_selector=lambda: "es")
    greeting = LazyString(lambda: {"es": "Hola"}.get(get_locale().language, "Hello"))
    with app.test_request_context():
        said = _("Unblock %(user)s? The status from before the block comes back.", user=greeting)
        assert said.startswith("¿Desbloquear a Hola?")
        assert kept(said).startswith("Unblock Hello?")
        assert kept(greeting) == "Hello"
        with english():
            assert str(greeting) == "Hello"
        assert str(greeting) == "Hola"
        assert kept("Hola") == "Hola"
