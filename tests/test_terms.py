"""A host calls users what it likes: its words take the place of ours, whole ones, and no data."""

from collections.abc import Iterator
from typing import Any

import pytest

from flask_platform_users.i18n import _, again, kept, lazy, ngettext
from flask_platform_users.terms import Words, words_of

from .product import USERS, Product, opened
from .test_checks import mount

CLIENTS: dict[str, Any] = {
    "user": "client",
    "users": "clients",
    "es": {"usuario": "cliente", "usuarios": "clientes"},
    "hi": {"उपयोगकर्ता": "ग्राहक"},
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Users of this platform", "Clients of this platform"),
        ("USERS", "CLIENTS"),
        ("the user’s menu", "the client’s menu"),
        ("Username", "Username"),
        ("Nothing was done to %(num)s users.", "Nothing was done to %(num)s clients."),
        ("%(user)s and %(users)s", "%(user)s and %(users)s"),
        ("{who} blocked {user}.", "{who} blocked {user}."),
    ],
)
def test_whole_words_are_exchanged_and_keep_their_case(text: str, said: str) -> None:
    words = words_of(CLIENTS, "en_GB")
    assert words is not None
    assert words.put(text) == said


def test_longer_terms_come_first() -> None:
    words = Words({"users": "clients", "platform users": "Customers"})
    assert words.put("platform users, users") == "Customers, clients"


def test_a_word_ends_where_its_marks_end() -> None:
    words = words_of(CLIENTS, "hi")
    assert words is not None
    assert words.put("उपयोगकर्ता") == "ग्राहक"
    assert words.put("उपयोगकर्ताओं") == "उपयोगकर्ताओं"


def test_a_language_without_words_keeps_ours() -> None:
    assert words_of(CLIENTS, "pt_BR") is None
    assert words_of({"pt": {"usuário": "cliente"}}, "pt_BR") is not None


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        (
            "clients",
            "PlatformUsers(terms=...) was given 'clients' (str); expected a dictionary, such as "
            "terms={'user': 'client', 'users': 'clients'}.",
        ),
        (
            {"user": 1},
            "PlatformUsers(terms=...) has 1; expected a word, such as "
            "terms={'user': 'client', 'users': 'clients'}.",
        ),
        (
            {"es": {"usuario": "100 %"}},
            "PlatformUsers(terms=...) has '100 %' for 'es'; expected a word without %, { }, < and "
            ">, such as terms={'user': 'client', 'users': 'clients'}.",
        ),
        (
            {"Spanish!": {"usuario": "cliente"}},
            "PlatformUsers(terms=...) has words for 'Spanish!', which is no language; expected a "
            "code such as 'es' or 'pt_BR'.",
        ),
    ],
)
def test_words_that_cannot_be_meant_are_refused(terms: Any, sentence: str) -> None:
    assert mount(terms=terms) == sentence


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with opened("sqlite", tmp_path_factory.mktemp("terms")) as product:
        product.extension.terms = CLIENTS
        yield product
        product.extension.terms = {}


def test_the_page_says_the_hosts_words_and_the_history_keeps_ours(product: Product) -> None:
    key, _name = product.some_user()
    product.act("sign_out", key)
    page = product.owner.get(f"{USERS}/history?user={key}").text
    assert "Platform clients" in page
    assert "(name, email or key)" in page
    with product.app.test_request_context():
        assert ngettext("%(num)s user", "%(num)s users", 2) == "2 clients"
        assert _("Block %(user)s?", user="Ann User") == "Block Ann User?"
        assert lazy("All users") == "All clients"
        assert kept(_("All users")) == "All users"
        assert again("Ann User is no user.") == "Ann User is no user."
