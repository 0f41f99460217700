"""Let axe try a page against WCAG 2.2 AA."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

AXE = Axe()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FLOATING = ":is(details, dialog)[open], .pu-bar, [data-platform-users-banner]"


def violations(page: Page, *, rows: int | None = None, floats: bool = False) -> list[str]:
    """Return a line for each place at which a page breaks a rule.

    Args:
        page: the page.
        rows: how many rows of a table are looked at, if not all.
        floats: whether something lies above the page, such as a menu. What it covers a part of is
            no smaller target for that, since it goes with a click: then only its own are measured.
    """
    everything = None if rows is None else {"exclude": [[f"tbody tr:nth-child(n + {rows + 1})"]]}
    found = _tried(page, everything, runOnly=TAGS, rules={"target-size": {"enabled": not floats}})
    if floats:
        found += _tried(page, {"include": [[FLOATING]]}, runOnly=["target-size"])
    return found


def _tried(page: Page, context: dict[str, Any] | None, **options: Any) -> list[str]:
    options["resultTypes"] = ["violations"]
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))} {node['failureSummary']!r}"
        for rule in AXE.run(page, context, options).response["violations"]
        for node in rule["nodes"]
    ]
