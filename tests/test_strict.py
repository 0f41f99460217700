"""The example under the strictest Content-Security-Policy that a product can have."""

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from .product import Product, opened
from .walk import Stop, walk

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; connect-src 'self'"
)
BASE = "http://localhost"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with opened("sqlite", tmp_path_factory.mktemp("strict")) as product:
        key, _ = product.some_user()
        product.act("block", key, reason="Under review")
        product.act("add_note", key, text="Call back on Monday.")
        yield product


@pytest.fixture(scope="module")
def stops(product: Product) -> list[Stop]:
    """Everything that the owner comes to, and what is seen of it as a user."""
    found = list(walk(product.owner, "/", base_url=BASE))
    return [*found, *walk(seen_as_user(product), "/", base_url=BASE)]


def seen_as_user(product: Product) -> FlaskClient:
    """Return a browser in which the product is seen as a user."""
    client = product.sign_in("owner@acme.example")
    key, _ = product.some_user()
    url = f"/platform/users/do/impersonate/{key}"
    fields = product.hidden(client.get(url).text) | {"reason": "Asked for help by mail"}
    assert client.post(url, data=fields | {"minutes": "30"}).status_code == 303
    return client


def test_the_walk_comes_by_every_kind_of_page(stops: list[Stop]) -> None:
    """Else the tests below would look at little."""
    paths = "\n".join(stop.url for stop in stops)
    for part in (
        r"id/\d",
        "history",
        "jobs",
        "granted",
        "do/block/",
        r"static/.*css",
        r"static/.*js",
    ):
        assert re.search(f"/platform/users/{part}", paths), part
    assert {stop.answer.status_code for stop in stops} <= {200, 403, 404, 409}


def test_every_answer_bears_exactly_this_policy(stops: list[Stop]) -> None:
    """Pages of ours add one of their own, that says a second time who may frame them."""
    for stop in stops:
        policy, *more = stop.answer.headers.getlist("Content-Security-Policy")
        assert policy == POLICY, stop.url
        assert more in ([], ["frame-ancestors 'none'"]), stop.url
        ours = stop.url.startswith("/platform/users/") and "/static/" not in stop.url
        assert bool(more) == (ours or "Not done" in stop.answer.text), stop.url


def test_no_page_has_a_style_or_script_within(stops: list[Stop]) -> None:
    """Such a policy would refuse it: styles are files and shapes are attributes of SVG."""
    for stop in stops:
        for node in stop.page:
            assert node.tag != "style", stop.url
            assert node.tag != "script" or ("src" in node.attributes and not node.text), stop.url
            assert not [a for a in node.attributes if a == "style" or a.startswith("on")], stop.url
            assert node.tag not in {"iframe", "object", "embed", "base", "audio", "video"}, stop.url


def test_every_address_is_the_products_own(stops: list[Stop]) -> None:
    """Nothing is fetched from, sent to, or linked at anybody else."""
    for stop in stops:
        for address in stop.addresses:
            assert address.startswith(("/", "?", ".")), (stop.url, address)
            assert not address.startswith("//"), (stop.url, address)
