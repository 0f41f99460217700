"""What hosts may rely on in templates: `python -m tests.names` writes docs/templates.md anew."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, nodes

from flask_platform_users import pages, panels
from flask_platform_users.views import TEMPLATES as ROOT

TEMPLATES = ROOT / "platform_users"
STATIC = ROOT.parent / "static"
REFERENCE = Path(__file__).parent.parent / "docs" / "templates.md"
HEAD = """\
# Templates, blocks, macros

What you may rely on when you replace something: these names change only with a line in the \
[changelog](../CHANGELOG.md), and a test compares them with the templates. \
[Make it yours](make-it-yours.md) shows how to use them. Every template also has `pu` \
(`pu.number`, `pu.day`, `pu.moment`, `pu.ago`, `pu.money`: how this reader reads them), `pu_` and \
`pu_n` (translated texts), `pu_url_of(user)`, `pu_icon_of(count)` and \
`pu_sentence(event, actions)`, and all that your own templates have.
"""


@dataclasses.dataclass(frozen=True)
class Template:
    """A template of the plugin.

    Attributes:
        name: its path below `platform_users/`.
    """

    name: str

    @property
    def text(self) -> str:
        """The whole file."""
        return (TEMPLATES / self.name).read_text()

    @property
    def is_page(self) -> bool:
        """Whether it may hold blocks: partials, which pages include, hold none."""
        return not self.name.startswith("_") and "/" not in self.name

    @property
    def comment(self) -> str:
        """What its first comment says: what it is and what it receives."""
        found = re.match(r"\{#-\s*(.*?)\s*-#\}", self.text, re.DOTALL)
        return " ".join(found[1].split()) if found else ""

    @cached_property
    def tree(self) -> nodes.Template:
        """What Jinja reads."""
        return Environment(autoescape=True).parse(self.text)

    @property
    def blocks(self) -> list[str]:
        """The names of its blocks, in order; those that see the variables of their loop say so."""
        found = self.tree.find_all(nodes.Block)
        return [f"{block.name}{' (scoped)' if block.scoped else ''}" for block in found]

    @property
    def macros(self) -> list[str]:
        """Its macros with their arguments."""
        return [_signature(macro) for macro in self.tree.find_all(nodes.Macro)]


def _signature(macro: nodes.Macro) -> str:
    required = len(macro.args) - len(macro.defaults)
    given = [argument.name for argument in macro.args[:required]]
    for argument, default in zip(macro.args[required:], macro.defaults, strict=True):
        given.append(f"{argument.name}={default.as_const()!r}")
    return f"{macro.name}({', '.join(given)})"


def templates() -> list[Template]:
    """Return all templates in the order of their names."""
    return [Template(str(p.relative_to(TEMPLATES))) for p in sorted(TEMPLATES.rglob("*.html"))]


def views() -> Iterator[tuple[str, list[str]]]:
    """Yield the objects that templates receive, each with its public names."""
    told = " ".join(template.comment for template in templates())
    of_pages = pkgutil.iter_modules(pages.__path__, f"{pages.__name__}.")
    rooms = [panels, *(importlib.import_module(module.name) for module in of_pages)]
    known = {name: kind for room in rooms for name, kind in vars(room).items()}
    for name, kind in sorted(known.items()):
        if isinstance(kind, type) and re.search(rf"\([^)]*\b{name}\b", told):
            names = dict.fromkeys(getattr(kind, "__dataclass_fields__", ()))
            for parent in kind.__mro__[:-1]:
                for member, value in vars(parent).items():
                    names.setdefault(member, "()" if inspect.isfunction(value) else None)
            yield name, [n + (call or "") for n, call in names.items() if not n.startswith("_")]


def icons() -> list[str]:
    """Return what can be asked for as an icon."""
    return sorted(re.findall(r'id="pu-icon-([\w-]+)"', (TEMPLATES / "_icons.html").read_text()))


def properties() -> dict[str, str]:
    """Return the custom properties that a host may set, each with its value in light.

    They are set for the whole page, or asked for with a value for those who set none.
    """
    found: dict[str, str] = {}
    css = (STATIC / "platform_users.css").read_text()
    for root in re.findall(r":where\(:root\) \{(.*?)\}", css, re.DOTALL):
        for name, value in re.findall(r"(--pu-[\w-]+): (.*?);", root):
            found.setdefault(name, value)
    return found | dict(re.findall(r"var\((--pu-[\w-]+), ([^()]+)\)", css))


def data_attributes() -> list[str]:
    """Return the attributes by which the script finds what it works with."""
    every = " ".join(template.text for template in templates())
    return sorted(set(re.findall(r"\bdata-(?:pu-[a-z-]+|label)\b", every)))


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "–"


def _table(*rows: tuple[str, ...]) -> Iterator[str]:
    head, *body = (
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
    )
    yield from (head, "|" + "---|" * len(rows[0]), *body, "")


def reference() -> str:
    """Return the page of the documentation that tells all of it."""
    every = templates()
    of_pages = [(f"`{t.name}`", t.comment, _code(t.blocks)) for t in every if t.is_page]
    partials = [(f"`{t.name}`", t.comment) for t in every if not t.is_page]
    macros = [(f"`{macro}`",) for t in every if t.name == "_macros.html" for macro in t.macros]
    values = [(f"`{name}`", f"`{value}`") for name, value in properties().items()]
    return "\n".join(
        (
            HEAD,
            "## Pages and their blocks\n",
            *_table(("page", "what it is and receives", "blocks"), *of_pages),
            "## Partials and cells\n",
            *_table(("file", "what it is and receives"), *partials),
            "## Macros\n",
            '`{% import "platform_users/_macros.html" as pu_html %}`\n',
            *_table(("macro",), *macros),
            "## What pages and partials receive\n",
            *_table(("object", "its names"), *((f"`{n}`", _code(names)) for n, names in views())),
            "## Icons\n",
            _code(icons()) + "\n",
            "## Custom properties\n",
            *_table(("property", "in light"), *values),
            "## Attributes that the script looks for\n",
            _code(data_attributes()),
            "",
        )
    )


if __name__ == "__main__":
    REFERENCE.write_text(reference())
