"""Just enough of a reader of HTML to see a page as a person does, and to see what is not HTML."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
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
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:=(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?""")


@dataclass
class Node:
    """An element."""

    tag: str
    attributes: dict[str, str]
    children: list["Node | str"] = field(default_factory=list)

    def __iter__(self) -> Iterator["Node"]:
        return iter(self.inside)

    @cached_property
    def inside(self) -> list["Node"]:
        """All elements inside, in order."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                found += [child, *child.inside]
        return found

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
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join(" ".join(parts).split())


def parse(text: str) -> Node:
    """Return a page as a tree.

    Raises:
        AssertionError: a tag is not written as it should be, an attribute repeats, an element is
            not closed, or is closed where it should not be.
    """
    path, at = [Node("", {})], 0
    while (start := text.find("<", at)) >= 0:
        if start > at:
            path[-1].children.append(unescape(text[at:start]))
        found = _TAG.match(text, start)
        assert found, f"{text[start : start + 40]!r} is no tag"
        at = found.end()
        if not found["tag"]:
            continue
        tag = found["tag"].lower()
        if found["closes"]:
            closed = path.pop()
            assert closed.tag == tag, f"</{tag}> closes <{closed.tag}>"
            continue
        node = Node(tag, _attributes(tag, found["attributes"]))
        path[-1].children.append(node)
        if tag in _VERBATIM:
            closing = re.compile(f"</{tag}", re.IGNORECASE).search(text, at)
            assert closing, f"<{tag}> is not closed"
            node.children.append(text[at : closing.start()])
            at = closing.start()
        if tag not in VOID and not found[0].endswith("/>"):
            path.append(node)
    path[-1].children.append(unescape(text[at:]))
    assert len(path) == 1, f"<{path[-1].tag}> is not closed"
    return path[0]


def _attributes(tag: str, written: str) -> dict[str, str]:
    pairs = [
        (name.lower(), unescape(double or single or bare))
        for name, double, single, bare in _ATTRIBUTE.findall(written)
    ]
    found = dict(pairs)
    assert len(found) == len(pairs), f"<{tag}> repeats an attribute"
    return found
