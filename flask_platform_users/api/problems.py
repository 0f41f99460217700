"""Errors as problem details (RFC 9457)."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy.exc
from flask import Blueprint, Response, jsonify
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, default_exceptions
from werkzeug.http import HTTP_STATUS_CODES

from ..door import RETRY_AFTER, Door
from ..errors import (
    NO_USER,
    HookError,
    InvalidError,
    NotFoundError,
    RefusedError,
    StaleError,
    TooManyError,
    could_not,
)
from ..i18n import _, lazy

MEDIA_TYPE = "application/problem+json"

_SENTENCES = {
    400: lazy("The request could not be read."),
    401: lazy("Sign in, or send the token of somebody who runs a platform."),
    403: lazy("You do not have the right to do this."),
    404: lazy("There is nothing at this address."),
    405: lazy("This address does not answer that method."),
    413: lazy("The body is too large."),
    429: lazy("This was asked for too often. Wait a while."),
    500: lazy("The product failed. The error was noted."),
    503: lazy("The product cannot answer just now. Nothing was changed; try again in a moment."),
}
_A_MINUTE = "60"
_ALL = "_schema"
"""Where an error is told that is of no field; marshmallow's word for it."""

INVALID = lazy("Some values need another look.")


def problem(status: int, detail: str, **members: Any) -> Response:
    """Return the response that says what went wrong, in a sentence."""
    title = HTTP_STATUS_CODES[status]
    detail = str(detail)
    response = jsonify(type="about:blank", title=title, status=status, detail=detail, **members)
    response.status_code = status
    response.mimetype = MEDIA_TYPE
    if status in {429, 503}:
        response.headers["Retry-After"] = RETRY_AFTER if status == 503 else _A_MINUTE
    return response


class Problems:
    """Answers every error below the API, whatever raised it."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def register(self, api: Blueprint) -> None:
        """Answer for a blueprint: for each status apart, since the host may do so as well."""
        for code in default_exceptions:
            api.register_error_handler(code, self.http)
        api.register_error_handler(sqlalchemy.exc.SQLAlchemyError, self.database)
        api.register_error_handler(NotFoundError, self.no_user)
        api.register_error_handler(RefusedError, self.refused)
        api.register_error_handler(HookError, self.hook)
        api.register_error_handler(ValidationError, self.invalid)

    def http(self, error: HTTPException) -> Response:
        """Answer what was aborted, by the plugin, the host or Werkzeug."""
        if isinstance(error.__cause__, sqlalchemy.exc.SQLAlchemyError):  # from the gate
            return self.database(error.__cause__)
        if isinstance(error.response, Response):  # it was made with care
            return error.response
        status = error.code or 500
        own_words = error.description not in {None, type(error).description}
        response = problem(
            status,
            str(error.description if own_words else _SENTENCES.get(status, error.description)),
        )
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        for name, value in error.get_headers():
            if name in {"Retry-After", "WWW-Authenticate"}:
                response.headers[name] = value
        return response

    def database(self, error: sqlalchemy.exc.SQLAlchemyError) -> Response:
        """Answer that the database failed."""
        status = 503 if self.door.passes(error) else 500
        return problem(status, _SENTENCES[status])

    def no_user(self, _: NotFoundError) -> Response:
        """Answer for foreign, missing and malformed keys alike."""
        return problem(404, NO_USER)

    def refused(self, error: RefusedError) -> Response:
        """Answer why an action was not done."""
        if isinstance(error, InvalidError):
            return problem(422, INVALID, errors=errors_of(error.form))
        if isinstance(error, StaleError):
            changed = {
                name: {"seen": seen, "now": now} for name, (seen, now) in error.changed.items()
            }
            return problem(412, _("The user changed since you looked."), changed=changed)
        status = 429 if isinstance(error, TooManyError) else error.status
        return problem(status, error.sentence)

    def hook(self, error: HookError) -> Response:
        """Answer that code of the host failed."""
        return problem(
            500,
            could_not(error),
        )

    def invalid(self, error: ValidationError) -> Response:
        """Answer what is wrong with a query string or a body, by its fields."""
        errors: Any = error.messages
        return problem(422, INVALID, errors=errors if isinstance(errors, dict) else {_ALL: errors})


def errors_of(form: Any) -> Mapping[str, list[str]]:
    """Return the errors of a form by its fields; those of the form as a whole as ``_ALL``."""
    errors: Mapping[str | None, list[Any]] = form.errors
    return {name or _ALL: [str(text) for text in found] for name, found in errors.items()}
