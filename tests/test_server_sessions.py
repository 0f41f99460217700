"""Sessions that lie on the server, and products without any."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from cachelib.file import FileSystemCache
from flask import Flask
from flask.testing import FlaskClient
from flask_login import LoginManager
from flask_session import Session

from flask_platform_users import ConfigurationError

from .test_overlay_machine import Person, create_app, db, hidden, platform_users


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Flask]:
    app = create_app(tmp_path / "sessions.sqlite3")
    app.config.update(
        SESSION_TYPE="cachelib",
        SESSION_CACHELIB=FileSystemCache(str(tmp_path / "sessions")),
    )
    Session(app)
    with app.app_context():
        db.create_all()
        db.session.add_all(
            Person(platform=1, name=name, runs=name == "olga") for name in ("olga", "uma")
        )
        db.session.commit()
    yield app
    with app.app_context():
        db.engine.dispose()


def key_of(app: Flask, name: str) -> int:
    with app.app_context():
        found: int = db.session.execute(sa.select(Person.id).filter_by(name=name)).scalar_one()
        return found


def session_id(client: FlaskClient) -> str:
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def test_a_session_on_the_server_has_a_new_id_at_both_ends(product: Flask) -> None:
    client = product.test_client()
    client.post("/in/olga")
    ids = [session_id(client)]
    url = f"/platform/users/do/impersonate/{key_of(product, 'uma')}"
    form = hidden(client.get(url).text) | {"reason": "looking into it", "minutes": "30"}
    assert client.post(url, data=form).location == "/"
    ids.append(session_id(client))
    page = client.get("/")
    assert page.text.startswith("uma")
    stop = "/platform/users/impersonations/stop"
    page = client.post("/out")  # refused, as a page that has a form to stop with
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    assert client.post(stop, data={"csrf_token": token[1]}).status_code == 303
    ids.append(session_id(client))
    assert client.get("/").text == "olga"
    assert len(set(ids)) == 3
    replayed = product.test_client()
    replayed.set_cookie("session", ids[1])
    assert replayed.get("/").text == "nobody"


def test_a_blocked_user_is_out_of_a_session_on_the_server(product: Flask) -> None:
    client = product.test_client()
    client.post("/in/uma")
    assert client.get("/").text == "uma"
    with product.app_context():
        db.session.execute(sa.update(Person).filter_by(name="uma").values(status="blocked"))
        db.session.commit()
    assert client.get("/").text == "nobody"


def test_a_product_whose_people_have_tokens_only_is_told_that_nobody_can_be_impersonated() -> None:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="tokens", SQLALCHEMY_DATABASE_URI="sqlite://")
    db.init_app(app)
    LoginManager(app).request_loader(lambda _: None)
    with pytest.raises(ConfigurationError) as caught:
        platform_users.init_app(app)
    assert str(caught.value) == (
        "PlatformUsers(impersonation=...) was given to an app whose people sign in by token only: "
        "without a user_loader there is no session to lay it over; leave it out."
    )
