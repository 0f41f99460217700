"""The time zone that a person reads and types moments in."""

import logging
from datetime import UTC, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

log = logging.getLogger(__name__)


def zone_of(given: object) -> tzinfo:
    """Return the time zone that ``Policy.timezone_of`` gave; UTC for None, and for what is none.

    What is none is logged, once for each.
    """
    if isinstance(given, tzinfo):
        return given
    return UTC if given is None else _named(str(given))


@lru_cache(maxsize=1024)
def _named(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        log.warning(
            "Policy.timezone_of gave %r, which is no time zone that this machine knows; expected "
            "an IANA name such as 'Europe/Berlin'. UTC is used instead.",
            name,
        )
        return UTC
