"""The OpenAPI description of a mount's API, from the schemas that it answers by."""

from typing import TYPE_CHECKING, Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import current_app, g
from marshmallow import Schema

from .forms import fields_of, is_required, schema_of
from .problems import MEDIA_TYPE
from .schemas import (
    ActionsSchema,
    EventsSchema,
    ProblemSchema,
    PromptSchema,
    ResultSchema,
    SummarySchema,
    UsageSchema,
    UserDetailsSchema,
    UsersSchema,
)

if TYPE_CHECKING:
    from ..actions import Action
    from .views import ApiViews

_ABOUT = (
    "Everything is of the one platform that the caller runs. Callers are who the product takes "
    "them for: by its session, and then every change needs the session's CSRF token in the header "
    "X-CSRFToken, or by a token of the product's own. Moments are in ISO 8601."
)
_KEY = {"name": "key", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_ALWAYS = (401, 403, 500, 503)
_PROBLEMS = {
    304: "It is as it was.",
    400: "The request cannot be read, or its CSRF token is missing.",
    401: "Nobody is signed in.",
    403: "The caller may not do this.",
    404: "There is no such user, or no such action.",
    409: "It cannot be done to this user now.",
    412: "The user is not as the caller saw them.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "Values are not as they have to be, or an Idempotency-Key was used before.",
    429: "It was asked for too often.",
    500: "The product failed.",
    503: "The database does not answer just now.",
}


def document(views: "ApiViews", url: str) -> dict[str, Any]:
    """Return the description of the API that is served below ``url``."""
    plugin = MarshmallowPlugin()
    spec = APISpec(
        title="Platform users",
        version="1",
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": _ABOUT},
        servers=[{"url": url}],
    )
    assert plugin.converter is not None  # noqa: S101  (the spec made it)
    plugin.converter.add_parameter_attribute_function(_never_null)
    cookie = current_app.config["SESSION_COOKIE_NAME"]
    spec.components.security_scheme("session", {"type": "apiKey", "in": "cookie", "name": cookie})
    spec.components.security_scheme(
        "csrf", {"type": "apiKey", "in": "header", "name": "X-CSRFToken"}
    )
    spec.components.schema("Problem", schema=ProblemSchema)
    reads: dict[str, tuple[str, Any, list[Any], tuple[int, ...]]] = {
        "/summary": ("summary", SummarySchema, [], ()),
        "/users": ("users", UsersSchema, [_query(views.users_query())], (422,)),
        "/usage/{key}": ("usage", UsageSchema, [_KEY], (404,)),
        "/actions/{key}": ("actions", ActionsSchema, [_KEY], (404,)),
        "/history": ("history", EventsSchema, [_query(views.history_query())], (422,)),
    }
    for path, (name, schema, parameters, problems) in reads.items():
        operation = _operation(name, getattr(views, name), schema, parameters, problems)
        spec.path(path, operations={"get": operation})
    spec.path("/users/{key}", operations={"get": _user(views)})
    for action in views.known().values():
        spec.components.schema(_form_name(action), component=_form(plugin.converter, action))
        spec.path(
            f"/do/{action.name}/{{key}}",
            operations={"get": _prompt(views, action), "post": _act(views, action)},
        )
    found: dict[str, Any] = spec.to_dict()
    return found


def _operation(
    name: str, view: Any, schema: Any, parameters: list[Any], problems: tuple[int, ...]
) -> dict[str, Any]:
    found = {"description": "Done.", "content": {"application/json": {"schema": schema}}}
    return {
        "operationId": name,
        "summary": (view.__doc__ or "").partition("\n")[0],
        "security": [{"session": []}],
        "parameters": parameters,
        "responses": {"200": found} | {str(s): _problem(s) for s in sorted({*_ALWAYS, *problems})},
    }


def _user(views: "ApiViews") -> dict[str, Any]:
    known = _header("If-None-Match", "Answer 304 if the user still has this ETag.")
    operation = _operation("user", views.user, UserDetailsSchema, [_KEY, known], (304, 404))
    operation["responses"]["200"]["headers"] = _etag()
    return operation


def _prompt(views: "ApiViews", action: "Action") -> dict[str, Any]:
    filled_in = [
        {"name": name, "in": "query", "schema": {"type": "string"}}
        for name in fields_of(action, g.platform_users_zone)
    ]
    operation = _operation(
        f"prompt_{action.name}", views.prompt, PromptSchema, [_KEY, *filled_in], (404, 409, 422)
    )
    operation["responses"]["200"]["headers"] = _etag()
    return operation


def _act(views: "ApiViews", action: "Action") -> dict[str, Any]:
    parameters = [
        _KEY,
        _header("If-Match", "Do it only if the user is as they were with this ETag."),
        _header("Idempotency-Key", "Sent again with the same request, it is done once."),
    ]
    problems = (400, 404, 409, 412, 413, 415, 422, 429)
    operation = _operation(action.name, views.act, ResultSchema, parameters, problems)
    operation["summary"] = action.label
    operation["security"] = [{"session": [], "csrf": []}]
    schema = {"$ref": f"#/components/schemas/{_form_name(action)}"}
    content = {"application/json": {"schema": schema}}
    operation["requestBody"] = {"required": True, "content": content}
    return operation


def _form_name(action: "Action") -> str:
    return f"{action.name}_form"


def _form(converter: OpenAPIConverter, action: "Action") -> dict[str, Any]:
    """Describe what an action takes; which fields it requires is the form's to say."""
    zone = g.platform_users_zone
    schema = schema_of(action, zone)
    found: dict[str, Any] = converter.schema2jsonschema(schema)  # type: ignore[no-untyped-call]
    required = [name for name, field in fields_of(action, zone).items() if is_required(field)]
    return found | {"additionalProperties": False} | ({"required": required} if required else {})


def _problem(status: int) -> dict[str, Any]:
    if status == 304:
        return {"description": _PROBLEMS[status], "headers": _etag()}
    found: dict[str, Any] = {
        "description": _PROBLEMS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in {429, 503}:
        found["headers"] = {
            "Retry-After": {"required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}}
        }
    return found


def _etag() -> dict[str, Any]:
    return {"ETag": {"required": True, "schema": {"type": "string"}}}


def _header(name: str, about: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": about, "schema": {"type": "string"}}


def _query(schema: Schema) -> dict[str, Any]:
    return {"in": "query", "schema": schema}


def _never_null(_: Any, __: Any, *, ret: dict[str, Any]) -> dict[str, Any]:
    """Describe a parameter as it is in an address: left out, or a text."""
    found = ret["schema"]
    found["type"] = "string"
    if "enum" in found:
        found["enum"] = [value for value in found["enum"] if value is not None]
    if found.get("default", "") is None:
        del found["default"]
    return {}
