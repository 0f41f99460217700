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
    JobSchema,
    JobsQuery,
    JobsSchema,
    JobUsersQuery,
    JobUsersSchema,
    OrderedSchema,
    OrderSchema,
    ProblemSchema,
    PromptSchema,
    ResultSchema,
    SummarySchema,
    UndoneSchema,
    UsageSchema,
)

if TYPE_CHECKING:
    from ..actions import Action
    from .many_views import ManyViews
    from .views import ApiViews

_ABOUT = (
    "Everything is of the one platform that the caller runs. Callers are who the product takes "
    "them for: by its session, and then every change needs the session's CSRF token in the header "
    "X-CSRFToken, or by a token of the product's own. Moments are in ISO 8601."
)
_KEY = {"name": "key", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_JOB = _KEY | {"name": "job_id"}
_SEQ = {
    "name": "seq",
    "in": "path",
    "required": True,
    "description": "The number of the entry in the history.",
    "schema": {"type": "integer", "minimum": 0},
}
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Sent again with the same request, it is done once.",
    "schema": {"type": "string"},
}
_RETRY_AFTER = {"required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}}
_ALWAYS = (401, 403, 500, 503)
_PROBLEMS = {
    304: "It is as it was.",
    400: "The request cannot be read, or its CSRF token is missing.",
    401: "Nobody is signed in.",
    403: "The caller may not do this.",
    404: "There is no such user, action, job or entry.",
    409: "It cannot be done now.",
    412: "It is not as the caller saw it.",
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
        "/users": ("users", views.users_schema, [_query(views.users_query())], (422,)),
        "/usage/{key}": ("usage", UsageSchema, [_KEY], (404,)),
        "/actions/{key}": ("actions", ActionsSchema, [_KEY], (404,)),
        "/history": ("history", EventsSchema, [_query(views.history_query())], (422,)),
    }
    for path, (name, schema, parameters, problems) in reads.items():
        operation = _operation(name, getattr(views, name), schema, parameters, problems)
        spec.path(path, operations={"get": operation})
    for path, operations in _jobs(views.many).items():
        spec.path(path, operations=operations)
    spec.path("/users/{key}", operations={"get": _user(views)})
    for action in views.known().values():
        spec.components.schema(_form_name(action), component=_form(plugin.converter, action))
        spec.path(
            f"/do/{action.name}/{{key}}",
            operations={"get": _prompt(views, action), "post": _act(views, action)},
        )
    spec.components.schema("Filter", schema=views.many.filter_schema())
    for action in views.many.known().values():
        spec.components.schema(_order_name(action), component=_order_form(plugin.converter, action))
        spec.path(f"/many/{action.name}", operations={"post": _order(views.many, action)})
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
    operation = _operation("user", views.user, views.user_schema, [_KEY, known], (304, 404))
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
        _IDEMPOTENCY,
    ]
    problems = (400, 404, 409, 412, 413, 415, 422, 429)
    operation = _operation(action.name, views.act, ResultSchema, parameters, problems)
    operation["summary"] = action.label
    operation["security"] = [{"session": [], "csrf": []}]
    operation["requestBody"] = _json_body(_form_name(action))
    return operation


def _jobs(views: "ManyViews") -> dict[str, dict[str, Any]]:
    """Describe jobs, and taking back."""
    seen = _header("If-None-Match", "Answer 304 if the job still has this ETag.")
    job = _operation("job", views.job, JobSchema, [_JOB, seen], (304, 404))
    job["responses"]["200"]["headers"] = _etag()
    users = [_JOB, _query(JobUsersQuery())]
    match = _header("If-Match", "Only as long as nothing was done, and the job has this ETag.")
    do = _change("do_job", views.do, JobSchema, [_JOB, match], (404, 409, 412))
    cancel = _change("cancel_job", views.cancel, JobSchema, [_JOB, match], (404, 412))
    del cancel["responses"]["202"]
    cancel["responses"]["204"] = {"description": "It is forgotten: nothing was done of it."}
    cancel["responses"]["200"].pop("headers")
    undo = _change("undo", views.undo, UndoneSchema, [_SEQ, _IDEMPOTENCY], (404, 409, 422))
    del undo["responses"]["200"]["headers"]  # of a job only
    jobs = _operation("jobs", views.jobs, JobsSchema, [_query(JobsQuery())], (422,))
    return {
        "/jobs": {"get": jobs},
        "/jobs/{job_id}": {"get": job},
        "/jobs/{job_id}/users": {
            "get": _operation("job_users", views.users, JobUsersSchema, users, (404, 422))
        },
        "/jobs/{job_id}/do": {"post": do},
        "/jobs/{job_id}/cancel": {"post": cancel},
        "/undo/{seq}": {"post": undo},
    }


def _order(views: "ManyViews", action: "Action") -> dict[str, Any]:
    problems = (404, 409, 413, 415, 422)
    operation = _change(f"{action.name}_many", views.order, OrderedSchema, [_IDEMPOTENCY], problems)
    operation["summary"] = f"{action.label}: many users at once"
    operation["requestBody"] = _json_body(_order_name(action))
    return operation


def _change(
    name: str, view: Any, schema: Any, parameters: list[Any], problems: tuple[int, ...]
) -> dict[str, Any]:
    """Describe what may go on for longer than its request."""
    operation = _operation(name, view, schema, parameters, (400, *problems))
    operation["security"] = [{"session": [], "csrf": []}]
    where = {"Location": {"required": True, "schema": {"type": "string"}}}
    operation["responses"]["200"]["headers"] = where
    later = {"Retry-After": _RETRY_AFTER}
    operation["responses"]["202"] = operation["responses"]["200"] | {
        "description": "It goes on; look again at Location.",
        "headers": where | later,
    }
    return operation


def _json_body(schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"required": True, "content": content}


def _order_name(action: "Action") -> str:
    return f"{action.name}_order"


def _order_form(converter: OpenAPIConverter, action: "Action") -> dict[str, Any]:
    """Describe what is sent to do an action to many users."""
    found: dict[str, Any] = converter.schema2jsonschema(OrderSchema())  # type: ignore[no-untyped-call]
    parts = {"filter": "Filter", "fields": _form_name(action)}
    found["properties"] |= {
        name: {"$ref": f"#/components/schemas/{schema}"} for name, schema in parts.items()
    }
    return found | {
        "additionalProperties": False,
        "oneOf": [{"required": ["keys"]}, {"required": ["filter"]}],
    }


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
        found["headers"] = {"Retry-After": _RETRY_AFTER}
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
