"""The Flask product that all Flask contestants share: its database and its login, nothing else."""

from flask import Flask
from flask_login import LoginManager, login_user
from werkzeug.test import Client

from .schema import OWNER_ID, URL, User, db


def create_host(name: str) -> Flask:
    """Create an app with the bench's tables and a way to sign in as the big platform's owner."""
    app = Flask(name)
    app.config |= {"SECRET_KEY": "bench", "SQLALCHEMY_DATABASE_URI": URL}
    db.init_app(app)
    login = LoginManager(app)

    @login.user_loader  # type: ignore[untyped-decorator]
    def load(key: str) -> User | None:
        return db.session.get(User, int(key))

    @app.get("/sign-in")
    def sign_in() -> str:
        login_user(db.session.get_one(User, OWNER_ID))
        return "ok"

    return app


def signed_in(app: Flask) -> Client:
    """Return a client whose session belongs to the owner."""
    client = Client(app)
    assert client.get("/sign-in").status_code == 200
    return client
