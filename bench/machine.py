"""Where the figures come from."""

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

PACKAGES = ("Flask", "SQLAlchemy", "psycopg", "Flask-Admin", "Django")


def describe(connection: sa.Connection, packages: Sequence[str] = PACKAGES) -> list[str]:
    """Return lines on the day, the machine and the versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    server = connection.exec_driver_sql("SHOW server_version").scalar_one().split()[0]
    buffers = connection.exec_driver_sql("SHOW shared_buffers").scalar_one()
    return [
        f"Date: {datetime.now(UTC):%Y-%m-%d}",
        f"Machine: {processor()}, {os.cpu_count()} cores, {memory:.0f} GB of memory",
        f"PostgreSQL {server} on the same machine, `shared_buffers` {buffers}",
        f"Python {platform.python_version()}, "
        + ", ".join(f"{package} {version(package)}" for package in packages),
    ]


def processor() -> str:
    """Return what the processor is called."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return found[1] if found else platform.processor()
