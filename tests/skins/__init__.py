"""Other clothes for the example product: the page in layouts whose stylesheets reset everything.

`bootstrap` has the layout, grid and reboot of Bootstrap 5, `tailwind` the preflight and utilities
of Tailwind 3. Both lie in no layer, as they mostly do, and have the selectors of those.
"""

from typing import Any

from flask import Blueprint, Flask

from example_app import create_app

SKINS = ("bootstrap", "tailwind")


def dressed(database_url: str, skin: str | None = None, **config: Any) -> Flask:
    """Return the example product, its page Platform Users in the layout of a skin."""
    config["SECRET_KEY"] = "secret"
    if skin:
        config["PLATFORM_USERS_BASE_TEMPLATE"] = f"skins/{skin}.html"
    app = create_app(database_url, config=config)
    app.register_blueprint(
        Blueprint("skins", __name__, "static", "/skins", template_folder="templates")
    )
    return app
