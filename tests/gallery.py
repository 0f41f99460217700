"""Look at every state of every page: `python -m tests.gallery [--only TEXT] [--look TEXT] [--axe]`.

Each is reached once, then seen at two widths, light and dark, from left to right and from right to
left. The pictures, an index of them and contact sheets lie in `screenshots/`.
"""

import argparse
import itertools
import logging
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from .browser.axe import violations
from .browser.conftest import launch
from .showroom import Showroom, opened
from .skins import SKINS
from .states import STATES, State

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "screenshots"
DOCS = ROOT / "docs"
TALLEST = 2600
"""So many pixels of a page are looked at."""


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    width: int
    scheme: str
    direction: str

    def __str__(self) -> str:
        return f"{self.width}-{self.scheme}-{self.direction}"

    @property
    def height(self) -> int:
        """How high the window is."""
        return 900 if self.width > 500 else 844

    def put_on(self, page: Page) -> None:
        """Look at a page that way."""
        page.set_viewport_size({"width": self.width, "height": self.height})
        page.emulate_media(color_scheme="dark" if self.scheme == "dark" else "light")
        page.evaluate("direction => { document.documentElement.dir = direction }", self.direction)


LOOKS = [Look(*look) for look in itertools.product((1280, 390), ("light", "dark"), ("ltr", "rtl"))]


class Visitors:
    """A window for each person, opened when they are first needed, and the folder of pictures."""

    def __init__(self, browser: Browser, room: Showroom, folder: Path = PICTURES) -> None:
        self.browser = browser
        self.room = room
        self.folder = folder
        self._windows: dict[str, Page] = {}

    def window(self, who: str) -> Page:
        """Return the window in which somebody is signed in."""
        if who not in self._windows or who == "ended":
            # Without motion: a colour half way from light to dark is nobody's.
            context = self.browser.new_context(
                viewport={"width": 1280, "height": 900},
                user_agent=self.room.user_agent,
                reduced_motion="reduce",
            )
            cookie = {"name": "session", "value": self.room.cookie(who), "url": self.room.address}
            context.add_cookies([cookie])  # type: ignore[list-item]
            self._windows[who] = context.new_page()
            self._windows[who].set_default_timeout(8000)
        return self._windows[who]

    def at(self, state: State) -> Page:
        """Bring a window into a state, as one does that was just opened."""
        page = self.window(state.who)
        page.mouse.move(0, 0)
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        state.reach(page, self.room)
        return page


def take(page: Page, state: State, look: Look, folder: Path) -> None:
    """Take a picture of a page, of no more than is worth looking at."""
    path = folder / str(look) / f"{state.name}.png"
    if state.floats:
        page.evaluate(
            "document.querySelector('details[open] > :not(summary)')"
            "?.scrollIntoView({ block: 'nearest' })"
        )
        page.screenshot(path=path)
        return
    # Rows below the window are not drawn until they come near it.
    page.evaluate(
        "document.querySelectorAll('.pu-table tbody tr')"
        ".forEach(row => row.style.contentVisibility = 'visible')"
    )
    height = page.evaluate("document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": look.width, "height": min(height, TALLEST)}
    page.screenshot(path=path, full_page=True, clip=clip)  # type: ignore[arg-type]


def look_at(
    visitors: Visitors,
    states: Sequence[State],
    looks: Sequence[Look],
    *,
    pictures: bool,
    axe: bool,
) -> int:
    """Look at all states; return how many were not reached, and how often a rule is broken."""
    failed = found = 0
    for number, state in enumerate(states, start=1):
        print(f"{number:>3}/{len(states)}  {state.name}", flush=True)
        try:
            page = visitors.at(state)
            for look in looks:
                look.put_on(page)
                if pictures:
                    take(page, state, look, visitors.folder)
                for line in violations(page, floats=state.floats) if axe else ():
                    found += 1
                    print(f"         {look}: {line}")
        except Exception as error:
            failed += 1
            print(f"         not reached: {str(error).splitlines()[0]}")
    print(f"{len(states)} states × {len(looks)} looks, {failed} states not reached", end="")
    print(f", {found} violations of WCAG 2.2 AA" if axe else "")
    return failed + found


# Contact sheets


def index(states: Sequence[State]) -> str:
    """Return a page that shows all pictures, a row for each state."""
    head = "".join(f"<th>{look}</th>" for look in LOOKS)
    rows = "".join(
        f'<tr><th id="{state.name}">{escape(state.name)}</th>'
        + "".join(
            f'<td><a href="{look}/{state.name}.png">'
            f'<img loading="lazy" src="{look}/{state.name}.png" alt=""></a></td>'
            for look in LOOKS
        )
        + "</tr>"
        for state in states
    )
    return f"""<!doctype html><meta charset="utf-8"><title>Gallery</title><style>
body {{ margin: 16px; font: 13px system-ui; background: #888; }}
th {{ padding: 6px; text-align: left; position: sticky; top: 0; background: #888; }}
td {{ vertical-align: top; }} img {{ width: 230px; max-height: 460px; object-fit: cover;
object-position: top; }}</style><table><tr><th>{head}</tr>{rows}</table>"""


def sheet(look: Look, states: Sequence[State]) -> str:
    """Return a page with the pictures of one look beside each other."""
    width, columns = (520, 3) if look.width > 500 else (300, 5)
    cells = "".join(
        f'<figure><figcaption>{escape(state.name)}</figcaption><img src="{look}/{state.name}.png">'
        "</figure>"
        for state in states
    )
    return f"""<!doctype html><meta charset="utf-8"><style>
body {{ margin: 8px; font: 12px system-ui; background: #777; color: #fff; display: grid;
grid-template-columns: repeat({columns}, {width}px); gap: 8px; align-items: start; }}
figure {{ margin: 0; }} img {{ width: 100%; max-height: {width * 1.4 if columns == 3 else 760}px;
object-fit: cover; object-position: top; display: block; }}</style>{cells}"""


def make_sheets(browser: Browser, states: Sequence[State], folder: Path) -> None:
    """Make the index and the contact sheets of the pictures that were taken."""
    (folder / "index.html").write_text(index(states))
    page = browser.new_page(viewport={"width": 1600, "height": 900})
    for look in LOOKS:
        taken = [state for state in states if (folder / str(look) / f"{state.name}.png").exists()]
        per_sheet = 6 if look.width > 500 else 10
        parts = [taken[first : first + per_sheet] for first in range(0, len(taken), per_sheet)]
        for number, part in enumerate(parts, start=1):
            source = folder / "sheet.html"
            source.write_text(sheet(look, part))
            page.goto(source.as_uri())
            page.screenshot(path=folder / f"sheet-{look}-{number:02}.png", full_page=True)
            source.unlink()


# The pictures of the README


def write_docs(visitors: Visitors) -> None:
    """Renew the pictures in docs/."""
    states = {state.name: state for state in STATES}
    for name, state, width, height, scheme, language in (
        ("list", "list-filtered", 1280, 900, "light", "en"),
        ("empty", "list-no-result", 1280, 900, "light", "en"),
        ("details", "details-active", 1280, 900, "light", "en"),
        ("details-phone", "details-active", 390, 844, "dark", "en"),
        ("block", "dialog-block", 1280, 760, "light", "en"),
        ("arabic", "list-filtered", 1280, 900, "dark", "ar"),
        ("seen-as", "impersonation-banner", 1280, 720, "light", "en"),
        ("log-in-as-phone", "form-impersonate", 390, 760, "dark", "en"),
    ):
        page = visitors.at(states[state])
        if language != "en":
            page.set_extra_http_headers({"Accept-Language": language})
            page.reload()
        direction = page.evaluate("getComputedStyle(document.documentElement).direction")
        Look(width, scheme, direction).put_on(page)
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=DOCS / f"{name}.png")
        page.set_extra_http_headers({})


def main() -> int:
    """Go through the states that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.gallery", description=__doc__)
    parser.add_argument("--only", default="", help="only states whose name contains this")
    parser.add_argument("--look", default="", help="only looks such as 390-dark-rtl")
    parser.add_argument("--axe", action="store_true", help="try each against WCAG 2.2 AA too")
    parser.add_argument("--no-pictures", action="store_true", help="take no pictures")
    parser.add_argument("--docs", action="store_true", help="renew the pictures in docs/ instead")
    parser.add_argument("--skin", choices=SKINS, help="in the layout of another product")
    options = parser.parse_args()
    folder = PICTURES / (options.skin or "")
    states = [state for state in STATES if options.only in state.name]
    looks = [look for look in LOOKS if options.look in str(look)]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    started = time.monotonic()
    with opened(skin=options.skin) as room, sync_playwright() as playwright:
        browser = launch(playwright)
        visitors = Visitors(browser, room, folder)
        if options.docs:
            write_docs(visitors)
            return 0
        pictures = not options.no_pictures
        if pictures and not options.only and not options.look:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        wrong = look_at(visitors, states, looks, pictures=pictures, axe=options.axe)
        if pictures:
            make_sheets(browser, states, folder)
            print(folder / "index.html")
        browser.close()
    print(f"after {time.monotonic() - started:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
