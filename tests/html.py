"""Just enough of a reader of HTML to see a page as a person does, and to see what is not HTML."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape

VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})
_VERBATIM = frozenset({"script", "style"})
_TAG = re.compile(
    r"""<(?: (?P<closes>/)? (?P<tag>[a-zA-Z][\w-]*)
             (?P<attributes>
                (?: \s+ [^\s"'<>/=]+ (?: = (?: "[^"]*" | '[^']*' | [^\s"'=<>`]+ ) )? )* )
             \s* /? >
         | !-- .*? --> | !doctype [^>]* > )""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_PIECE = re.compile(r"""<!--.*?-->|<(?:[^"'>]|"[^"]*"|'[^']*')*>|[^<]+""", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:=(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?""")


@dataclass
class Node:
    """An element.

    Attributes:
        inside: all elements inside, in order, however deep.
    """

    tag: str
    attributes: Mapping[str, str]
    children: list["Node | str"] = field(default_factory=list)
    inside: list["Node"] = field(default_factory=list, repr=False)

    def __iter__(self) -> Iterator["Node"]:
        return iter(self.inside)

    def all(self, tag: str | None = None, **attributes: str) -> list["Node"]:
        """Return what is inside, by tag and attributes; ``class_`` is one class among several."""
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        class_ = wanted.pop("class-", None)
        return [
            node
            for node in self.inside
            if (tag is None or node.tag == tag)
            and (class_ is None or class_ in node.attributes.get("class", "").split())
            and all(node.attributes.get(name) == value for name, value in wanted.items())
        ]

    def one(self, tag: str | None = None, **attributes: str) -> "Node":
        """Return the only one of those."""
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        """All text inside, with its white space tidied."""
        return " ".join(" ".join(self._texts()).split())

    def _texts(self) -> list[str]:
        found = []
        for child in self.children:
            found += [child] if isinstance(child, str) else child._texts()
        return found


def parse(text: str) -> Node:
    """Return a page as a tree.

    Raises:
        AssertionError: a tag is not written as it should be, an attribute repeats, an element is
            not closed, or is closed where it should not be.
    """
    page = Node("", {})
    nodes: list[Node] = []
    path, at = [(page, 0)], 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        assert piece, f"{text[at : at + 40]!r} is no tag"
        at, above = piece.end(), path[-1][0]
        if piece[0][0] != "<":
            above.children.append(unescape(piece[0]))
            continue
        tag, attributes = _read(piece[0])
        if tag.startswith("/"):
            closed, first = path.pop()
            assert f"/{closed.tag}" == tag, f"<{tag}> closes <{closed.tag}>"
            if closed.tag == "template" and "shadowrootmode" not in closed.attributes:
                del nodes[first:], closed.children[:]  # it is not on the page
            closed.inside = nodes[first:]
        elif tag:
            node = Node(tag, attributes)
            above.children.append(node)
            nodes.append(node)
            if tag in _VERBATIM:
                closing = re.compile(f"</{tag}", re.IGNORECASE).search(text, at)
                assert closing, f"<{tag}> is not closed"
                node.children.append(text[at : closing.start()])
                at = closing.start()
            if tag not in VOID and not piece[0].endswith("/>"):
                path.append((node, len(nodes)))
    assert len(path) == 1, f"<{path[-1][0].tag}> is not closed"
    page.inside = nodes
    return page


@lru_cache(maxsize=10_000)  # most of a page's tags are on every other page too
def _read(written: str) -> tuple[str, Mapping[str, str]]:
    """Return a tag's name, with a slash before it where it closes, and its attributes."""
    found = _TAG.fullmatch(written)
    assert found, f"{written[:40]!r} is no tag"
    if not found["tag"]:
        return "", {}
    tag = found["tag"].lower()
    pairs = [
        (name.lower(), unescape(double or single or bare))
        for name, double, single, bare in _ATTRIBUTE.findall(found["attributes"])
    ]
    attributes = dict(pairs)
    assert len(attributes) == len(pairs), f"<{tag}> repeats an attribute"
    return "/" + tag if found["closes"] else tag, attributes


def foreign_scripts(page: Node) -> list[Node]:
    """Return the scripts that are not files of ours."""
    ours = "static/platform_users.js?"
    return [node for node in page.all("script") if node.text or ours not in node.attributes["src"]]
