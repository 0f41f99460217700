"""Whether the host's layout takes the page, and has the drawings that it shows."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flask import Flask, url_for

from ..errors import ConfigurationError
from ..pages.shared import icon_of
from ..sessions import sessions_of
from .finding import Finding

if TYPE_CHECKING:
    from ..extension import PlatformUsers


def layout(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:
    """Render a page with nothing on it, for nobody, and look for the icons it may be asked for."""
    sessions = sessions_of(app)
    assert sessions is not None  # noqa: S101  (init_app put it there)
    door = sessions.mounts[extension.name].door
    try:
        with app.test_request_context():
            path = url_for(f"{extension.name}.list_users")
        with app.test_request_context(path):
            page = door.render("shell.html")
    except ConfigurationError as error:
        yield Finding("fault", str(error), "As it is, every page is an error.")
        return
    except Exception as error:  # whatever the host's own code raises is what was to be found
        yield Finding(
            "warning",
            "The layout cannot be rendered for somebody who is not signed in: "
            f"{type(error).__name__}: {error}",
            "Open the page in a browser; if it is there, nothing has to be done.",
        )
        return
    drawn = set(re.findall(r'id="pu-icon-([^"]+)"', page))
    lacking = {
        what: icon for what, icon in _icons(extension).items() if drawn and icon not in drawn
    }
    for what, icon in lacking.items():
        yield Finding(
            "warning",
            f"{what} has the icon {icon!r}, of which there is no drawing.",
            "Name one that docs/templates.md lists, or add yours to a platform_users/_icons.html "
            "of your own.",
        )
    if not lacking:
        yield Finding("ok", "The layout takes the page, and all icons are drawn.")


def _icons(extension: "PlatformUsers") -> dict[str, str]:
    """Return the icon of whatever has one that a host may name."""
    mapping = extension.mapping
    found = {type(action).__name__: action.icon for action in extension.actions}
    found |= {f"Card({card.name!r})": card.icon for card in mapping.own_cards}
    counts = (*mapping.channels, *mapping.usage)
    return found | {f"Count({count.name!r})": icon_of(count) for count in counts}
