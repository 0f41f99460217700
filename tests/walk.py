"""Walking through a product from link to link, as somebody who knows nothing of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urljoin, urlsplit

from werkzeug.test import Client, TestResponse

from .html import Node, parse

ADDRESSES = ("href", "src", "action", "formaction", "poster")


@dataclass
class Stop:
    """A page or file that was come to.

    Attributes:
        url: its path and query.
        page: what is on it; empty where it is no HTML.
    """

    url: str
    answer: TestResponse
    page: Node

    @property
    def addresses(self) -> list[str]:
        """Every address that it names, but not those of places on itself."""
        found = [
            value
            for node in self.page
            for name, value in node.attributes.items()
            if name in ADDRESSES or (name.startswith("data-") and value.startswith("/"))
        ]
        return [address for address in found if not address.startswith("#")]

    @property
    def followed(self) -> list[str]:
        """Those that lead on without changing anything."""
        links = [(node, name) for node in self.page for name in ("href", "src")]
        return [node.attributes[n] for node, n in links if node.attributes.get(n, "#")[0] != "#"]


def walk(client: Client, start: str, *, base_url: str) -> Iterator[Stop]:
    """Follow all links from a page on, but one of each kind.

    Two addresses are of one kind if they are the same but for numbers and what their query says.
    """
    waiting, kinds = [start], {_kind(start)}
    while waiting:
        url = waiting.pop(0)
        stop = look(client, url, base_url=base_url)
        yield stop
        for address in stop.followed:
            found = urljoin(url, address)
            if not urlsplit(found).netloc and _kind(found) not in kinds:
                kinds.add(_kind(found))
                waiting.append(found)


def look(client: Client, url: str, *, base_url: str) -> Stop:
    """Open a page."""
    answer = client.get(url, base_url=base_url)
    html = answer.mimetype == "text/html" and answer.status_code not in range(300, 400)
    return Stop(url, answer, parse(answer.text) if html else Node("", {}))


def _kind(url: str) -> str:
    parts = urlsplit(url)
    names = sorted(parse_qs(parts.query, keep_blank_values=True))
    return re.sub(r"\d[0-9a-f]*", "0", parts.path) + "?" + "&".join(names)
