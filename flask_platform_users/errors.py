"""The errors this package raises on purpose."""

from collections.abc import Mapping, Sequence

from .i18n import _, lazy

NO_USER = lazy("There is no such user on this platform.")


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


class HookError(Exception):
    """Code of the host did what it must not; nothing was changed.

    Attributes:
        hook: which code it was.
        what: what it did.
    """

    def __init__(self, hook: str, what: str) -> None:
        self.hook = hook
        self.what = what
        super().__init__(f"{hook} {what}; nothing was changed.")


def could_not(error: HookError) -> str:
    """Say that code of the host failed."""
    return _(
        "The product could not do its part (%(hook)s). Nothing was changed, and the error was "
        "recorded.",
        hook=error.hook,
    )


class RefusedError(Exception):
    """An action was not done, for a reason that a person can understand.

    Attributes:
        sentence: the reason.
        status: the HTTP status it is answered with.
    """

    status = 409

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)


class ForbiddenError(RefusedError):
    """The person may not do this to that user."""

    status = 403


class TooManyError(RefusedError):
    """The person did this too often."""

    status = 429


class TooLargeError(RefusedError):
    """More was sent than is kept."""

    status = 413


class StaleError(RefusedError):
    """The user changed since the form was opened.

    Attributes:
        changed: what was seen and what is there now, by the name of what differs.
    """

    def __init__(self, sentence: str, changed: Mapping[str, tuple[str, str]]) -> None:
        self.changed = changed
        super().__init__(sentence)


class ReusedError(RefusedError):
    """The id of the request was sent before, with another request."""

    status = 422


class InvalidError(RefusedError):
    """The form was not filled in right.

    Attributes:
        form: the form as it was typed, with its errors.
    """

    status = 422

    def __init__(self, form: object) -> None:
        self.form = form
        super().__init__(_("Some fields need another look."))
