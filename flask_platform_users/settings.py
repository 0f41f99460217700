"""The app's configuration for the plugin, read once and checked."""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from flask import Flask
from itsdangerous.encoding import want_bytes

from .audit import Keys
from .errors import ConfigurationError

PREFIX = "PLATFORM_USERS_"
_FOLDER = re.compile(r"(https?:/)?(/[^/\s?#]+)+/")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every ``PLATFORM_USERS_…`` key of the app's configuration.

    Attributes:
        base_template: the host's layout, which the pages extend by way of
            ``platform_users/shell.html``. It has blocks named ``title``, ``head`` and ``content``.
        audit_keys: secrets that the history is signed with, by a name for each; the last signs new
            events, the others still verify old ones. Without it one is derived from the app's
            secret key, and the history verifies for as long as that stays.
        impersonation: False switches off that staff can see the product as a user; what goes on
            ends with its next request.
        job_lease: for how many seconds nobody else goes on with a job of many users after the last
            sign of life of who works on it. Longer than your code takes for 500 users.
        static_url: the address of a copy of our static files, such as on a CDN; it ends with a
            slash. Without it the app serves them.
    """

    base_template: str = "platform_users/base.html"
    audit_keys: Mapping[str, str] | None = None
    impersonation: bool = True
    job_lease: int = 60
    static_url: str | None = None

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

    def keys(self, app: Flask) -> Keys:
        """Return the keys that the history is signed with."""
        if self.audit_keys:
            secrets = {name: secret.encode() for name, secret in self.audit_keys.items()}
            return Keys(current=list(secrets)[-1], secrets=secrets)
        derived = hmac.new(
            want_bytes(app.secret_key or ""), b"flask-platform-users.audit", hashlib.sha256
        )
        return Keys(current="secret-key", secrets={"secret-key": derived.digest()})


def _is_key(item: tuple[object, object]) -> bool:
    name, secret = item
    return isinstance(name, str) and isinstance(secret, str) and len(secret) >= 32


def _faults(given: dict[str, object]) -> Iterator[str]:
    known = [PREFIX + field.name.upper() for field in fields(Settings)]
    for key, value in given.items():
        if key not in known:
            yield f"app.config[{key!r}] is not a setting; expected one of {', '.join(known)}."
        elif key == PREFIX + "AUDIT_KEYS":
            if not (isinstance(value, Mapping) and value and all(map(_is_key, value.items()))):
                yield (
                    f"app.config[{key!r}] was given something else than names with secrets of at "
                    "least 32 characters; expected such as {'2026': secrets.token_hex(32)}."
                )
        elif key == PREFIX + "IMPERSONATION":
            if not isinstance(value, bool):
                yield f"app.config[{key!r}] was given {value!r}; expected True or False."
        elif key == PREFIX + "JOB_LEASE":
            if not isinstance(value, int) or value < 1:
                yield f"app.config[{key!r}] was given {value!r}; expected seconds, such as 60."
        elif key == PREFIX + "STATIC_URL":
            if not (isinstance(value, str) and _FOLDER.fullmatch(value)):
                yield (
                    f"app.config[{key!r}] was given {value!r}; expected the address of a folder "
                    "that ends with a slash, such as 'https://cdn.example/platform-users/'."
                )
        elif not isinstance(value, str) or not value:
            yield (
                f"app.config[{key!r}] was given {value!r}; expected the path of a template, "
                "such as 'layout.html'."
            )
