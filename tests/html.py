"""Just enough of a reader of HTML to see a page as a person does."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})


@dataclass
class Node:
    """An element."""

    tag: str
    attributes: dict[str, str]
    children: list["Node | str"] = field(default_factory=list)

    def __iter__(self) -> Iterator["Node"]:
        for child in self.children:
            if isinstance(child, Node):
                yield child
                yield from child

    def all(self, tag: str | None = None, **attributes: str) -> list["Node"]:
        """Return what is inside, by tag and attributes; ``class_`` is one class among several."""
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        class_ = wanted.pop("class-", None)
        return [
            node
            for node in self
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


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.path = [Node("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> repeats an attribute"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.path[-1].children.append(node)
        if tag not in VOID:
            self.path.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.path.pop()

    def handle_endtag(self, tag: str) -> None:
        node = self.path.pop()
        assert node.tag == tag, f"</{tag}> closes <{node.tag}>"

    def handle_data(self, data: str) -> None:
        self.path[-1].children.append(data)


def parse(text: str) -> Node:
    """Return a page as a tree.

    Raises:
        AssertionError: an element is not closed, or closed where it should not be.
    """
    parser = _Parser()
    parser.feed(text)
    parser.close()
    assert len(parser.path) == 1, f"<{parser.path[-1].tag}> is not closed"
    return parser.path[0]
