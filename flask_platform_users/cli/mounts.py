"""Which mount and which platform a command is for."""

from typing import TYPE_CHECKING, Any

import click
from flask import current_app

from ..inspection import clause, parse_key, python_type

if TYPE_CHECKING:
    from ..extension import PlatformUsers

mount_option = click.option("--mount", metavar="NAME", help="Which mount, where there are several.")
platform_option = click.option("--platform", metavar="KEY", help="Only this platform.")


def mounted(name: str | None) -> "PlatformUsers":
    """Return the mount of that name, or the only one."""
    mounts: dict[str, PlatformUsers] = current_app.extensions.get("platform_users", {})
    if not mounts:
        raise click.UsageError("The page is not mounted on this app; call init_app(app) first.")
    if name is None and len(mounts) == 1:
        return next(iter(mounts.values()))
    if name not in mounts:
        raise click.UsageError(f"Say which mount: --mount {' or --mount '.join(mounts)}.")
    return mounts[name]


def platform_key(extension: "PlatformUsers", text: str) -> Any:
    """Return the key of a platform from its text."""
    key = parse_key(text, python_type(clause(extension.mapping.users.platform)))
    if key is None:
        raise click.UsageError(f"--platform {text} is not a key of a platform.")
    return key
