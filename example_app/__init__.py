"""A small white-label messaging product that mounts flask-platform-users."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, render_template
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy import event, make_url
from sqlalchemy.engine import URL

from . import access_log, auth, languages, product
from .models import db
from .platform_users import platform_users

DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; connect-src 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

csrf = CSRFProtect()


def create_app(
    database_url: str | None = None, *, config: Mapping[str, Any] | None = None
) -> Flask:
    """Return the product as an application; its tables are not created here.

    The database is `database_url`, else the environment's DATABASE_URL, else a SQLite file in
    the folder `instance/`. `config` overrides any setting.
    """
    app = Flask(__name__, instance_path=str(Path.cwd() / "instance"))
    app.config.update(
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=1024 * 1024,
        PLATFORM_USERS_BASE_TEMPLATE="layout.html",
    )
    app.config.update(config or {})
    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY") or _kept_secret(app)
    if database_url or "SQLALCHEMY_DATABASE_URI" not in app.config:
        app.config["SQLALCHEMY_DATABASE_URI"] = _database_url(app, database_url)

    db.init_app(app)
    _prepare_sqlite(app)
    csrf.init_app(app)
    auth.login_manager.init_app(app)
    app.register_blueprint(auth.pages)
    app.register_blueprint(product.pages)
    languages.init_app(app)
    platform_users.init_app(app, url_prefix="/platform/users")

    app.register_error_handler(CSRFError, _form_expired)
    app.register_error_handler(403, _forbidden)
    app.register_error_handler(404, _not_found)
    app.register_error_handler(500, _failed)
    app.after_request(_add_headers)
    app.after_request(access_log.write)
    return app


def _database_url(app: Flask, given: str | None) -> URL:
    given = given or os.environ.get("DATABASE_URL")
    if not given:
        folder = _instance_folder(app)
        return URL.create("sqlite", database=str(folder / "example.sqlite3"))
    url = make_url(given)
    return url.set(drivername=DRIVERS.get(url.drivername, url.drivername))


def _instance_folder(app: Flask) -> Path:
    folder = Path(app.instance_path)
    folder.mkdir(exist_ok=True)
    return folder


def _kept_secret(app: Flask) -> str:
    """Return the secret of `instance/secret_key`, made at the first start."""
    path = _instance_folder(app) / "secret_key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        secret = secrets.token_hex(32)
        file.write(secret)
    return secret


def _prepare_sqlite(app: Flask) -> None:
    """Let SQLite keep foreign keys, and read while another request writes."""
    with app.app_context():
        engine = db.engine
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _form_expired(_error: CSRFError) -> tuple[str, int]:
    return _error_page(
        400,
        "This form has expired",
        "Nothing was changed. Go back, load the page again and repeat what you did.",
    )


def _forbidden(_error: Exception) -> tuple[str, int]:
    return _error_page(
        403,
        "This page is not open to you",
        "Your account does not have the right to see it. The owner of your platform can help.",
    )


def _not_found(_error: Exception) -> tuple[str, int]:
    return _error_page(
        404,
        "There is no such page",
        "It may have moved, or the address has a typing mistake.",
    )


def _error_page(code: int, heading: str, sentence: str) -> tuple[str, int]:
    return render_template("error.html", code=code, heading=heading, sentence=sentence), code


def _failed(_error: Exception) -> tuple[str, int]:
    """Render without request and user: what they need may be the very thing that failed."""
    return current_app.jinja_env.get_template("500.html").render(), 500
