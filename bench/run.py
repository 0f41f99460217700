"""Seed if needed, measure all contestants, and print or write the report."""

import argparse
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa

from . import bare, django_admin, flask_admin_app, machine, report
from .contestant import PAGES_DEEP, Case, expected
from .measure import measure_parts, measure_requests
from .schema import PLATFORM_ID, URL, Channel, User
from .seed import COMMON, Size, prepare

HERE = Path(__file__).parent


def main() -> None:
    """Run the bench."""
    options = _options()
    size = Size(options.scale)
    pages_deep = int(PAGES_DEEP * options.scale)
    prepare(size, reseed=options.reseed)
    ours = _ours()
    modules = [module for module in (ours, bare, flask_admin_app, django_admin) if module]
    contestants = [module.contestant(pages_deep) for module in modules]
    engine = sa.create_engine(URL)
    with engine.connect() as connection:
        pages = {case: expected(connection, case, pages_deep) for case in Case}
        channels = _count(connection, Channel.platform_id == PLATFORM_ID)
        matches = _count(connection, User.platform_id == PLATFORM_ID, User.email.contains(COMMON))
        facts = machine.describe(connection)
    engine.dispose()
    timings = measure_requests(contestants, pages, rounds=options.rounds)
    sections = [
        report.introduction(facts, size, channels, options.rounds),
        report.requests(timings, [c.name for c in contestants], pages_deep, matches),
    ]
    if ours:
        with ours.parts(pages_deep) as parts:
            sections.append(report.parts(measure_parts(parts, rounds=options.rounds)))
        sections.append(_export(options.scale))
    learned = HERE / "LEARNED.md"
    if learned.exists():
        sections.append(learned.read_text().strip())
    document = "\n\n".join(sections) + "\n"
    print(document)
    if options.write:
        (HERE / "RESULTS.md").write_text(document)


def _export(scale: float) -> str:
    """Measure the export in a process of its own, since its peak of memory is measured."""
    command = [sys.executable, "-m", f"{__package__}.export", "--scale", str(scale)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _count(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> int:
    return connection.execute(sa.select(sa.func.count()).where(*conditions)).scalar_one()


def _ours() -> ModuleType | None:
    """Return the plugin's contestant, or say visibly that it is left out."""
    try:
        return import_module(".ours", __package__)
    except ImportError as error:
        print(f"{report.OURS} IS LEFT OUT, it cannot be imported: {error}\n")
        return None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the million users")
    parser.add_argument("--reseed", action="store_true", help="drop the database and seed anew")
    parser.add_argument("--rounds", type=int, default=15, help="measured requests of each kind")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md beside this file")
    return parser.parse_args()
