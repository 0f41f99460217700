"""The errors this package raises on purpose."""

from collections.abc import Sequence


class ConfigurationError(Exception):
    """The host told the plugin something that cannot work.

    Attributes:
        faults: one sentence for each fault, naming the argument, what was given, what was
            expected and how to mend it.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class NotFoundError(LookupError):
    """No such user on this platform: foreign, missing and malformed keys are all the same."""


class CursorError(ValueError):
    """A page cursor that this mount did not sign, or that belongs to another listing."""
