"""The product of ``e_token`` with Flask-Babel initialised, in German."""

from dataclasses import replace

from flask import Flask
from flask_babel import Babel

from . import e_token
from .e_token import (
    add_owner,
    add_platform,
    add_stranger,
    add_users,
    billing,
    bought,
    db,
    metadata,
    mount,
    open_shop,
    sign_in,
    subscribe,
)

NAME = "e-token-babel"
CAN = replace(e_token.CAN, twin=True)

__all__ = [
    "CAN",
    "NAME",
    "add_owner",
    "add_platform",
    "add_stranger",
    "add_users",
    "billing",
    "bought",
    "create_app",
    "db",
    "metadata",
    "mount",
    "open_shop",
    "sign_in",
    "subscribe",
]


def create_app(url: str, *_: str) -> Flask:
    """Return the product."""
    app = e_token.create_app(url)
    Babel(app, default_locale="de", default_timezone="Europe/Berlin")
    return app
