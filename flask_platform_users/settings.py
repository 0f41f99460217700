"""The app's configuration for the plugin, read once and checked."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from flask import Flask

from .errors import ConfigurationError

PREFIX = "PLATFORM_USERS_"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every ``PLATFORM_USERS_…`` key of the app's configuration.

    Attributes:
        base_template: the host's layout, which the pages extend by way of
            ``platform_users/shell.html``. It has blocks named ``title``, ``head`` and ``content``.
    """

    base_template: str = "platform_users/base.html"

    @classmethod
    def of(cls, app: Flask) -> "Settings":
        """Read the settings of an app.

        Raises:
            ConfigurationError: a key is not known, or its value is of the wrong kind.
        """
        given = {key: value for key, value in app.config.items() if key.startswith(PREFIX)}
        faults = list(_faults(given))
        if faults:
            raise ConfigurationError(faults)
        return cls(**{key.removeprefix(PREFIX).lower(): value for key, value in given.items()})


def _faults(given: dict[str, object]) -> Iterator[str]:
    known = [PREFIX + field.name.upper() for field in fields(Settings)]
    for key, value in given.items():
        if key not in known:
            yield f"app.config[{key!r}] is not a setting; expected one of {', '.join(known)}."
        elif not isinstance(value, str) or not value:
            yield (
                f"app.config[{key!r}] was given {value!r}; expected the path of a template, "
                "such as 'layout.html'."
            )
