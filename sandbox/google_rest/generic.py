"""What all APIs do alike: create, read, list, change and delete what has a row."""

from __future__ import annotations

import copy
import re
from typing import Any, Final

from sandbox.google.kinds import tail
from sandbox.google_rest import bodies, compute, container, others, refusal
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.rows import Row, links
from sandbox.google_rest.world import Handler, Request, World, operation

ROWS: Final[dict[str, Row]] = {**compute.ROWS, **others.ROWS, **container.ROWS}


def row_of(request: Request) -> Row:
    """The row of a request's collection."""
    row = ROWS.get(request.method.collection)
    if row is None:
        raise unplayed(request)
    return row


def unplayed(request: Request) -> refusal.Refused:
    """The stand-in does not know how to answer, and does not guess."""
    return refusal.Refused(
        501,
        f"this stand-in for Google Cloud does not answer {request.method.id}. Add a row to "
        "sandbox/google_rest (see rows.py), or an answer of its own (see special.py).",
    )


def create(world: World, request: Request) -> Json:
    """`insert` and `create`."""
    row = row_of(request)
    asked = copy.deepcopy(request.body.get(row.wrapped, {}) if row.wrapped else request.body)
    name = _new_name(row, request)
    asked = bodies.writable(request.method.document, _schema(row, request), asked)
    if "project" in request.query:  # Cloud Storage says the project behind the question mark
        asked["project"] = request.query["project"]
    made = world.store.create(request.api, row, name, _as_kept(request, asked))
    return _answer(world, request, name, made)


def get(world: World, request: Request) -> Json:
    """One resource."""
    return world.store.get(row_of(request), request.name)


def list_(world: World, request: Request) -> Json:
    """Every resource of a collection, on one page."""
    row = row_of(request)
    found = [rest for _, rest in world.store.list(row, request.name)]
    word = row.listed or ("items" if request.api == "compute" else tail(request.name))
    kind = {"kind": f"compute#{tail(request.name)}List"} if request.api == "compute" else {}
    return {**kind, word: found} if found or kind else {}


def patch(world: World, request: Request) -> Json:
    """Some fields of a resource; with a mask exactly those that it names."""
    row = row_of(request)
    name, before = request.name, world.store.kept(row, request.name)
    asked = request.body.get(row.wrapped, {}) if row.wrapped in request.body else request.body
    given = _as_kept(request, copy.deepcopy(asked))
    if request.mask:
        wanted = before
        for path in request.mask:
            _take(wanted, given, [_camel(part) for part in path.split(".")])
    else:
        wanted = merged(before, given)
    return _answer(world, request, name, world.store.change(row, name, _kept(request, wanted), given))


def update(world: World, request: Request) -> Json:
    """A whole resource in the place of the one before; what only Google writes stays."""
    row, document = row_of(request), request.method.document
    name, before = request.name, world.store.kept(row, request.name)
    asked = _as_kept(request, bodies.writable(document, request.method.takes, request.body))
    own = bodies.writable(document, request.method.takes, before)
    wanted = {key: value for key, value in before.items() if key not in own} | asked
    return _answer(world, request, name, world.store.change(row, name, _kept(request, wanted), asked))


def delete(world: World, request: Request) -> Json:
    """Take a resource away."""
    world.store.delete(row_of(request), request.name)
    return _answer(world, request, request.name, {})


def set_labels(world: World, request: Request) -> Json:
    """Compute Engine changes labels by a request of their own."""
    row, name = row_of(request), request.name
    wanted = {**world.store.kept(row, name), "labels": request.body.get("labels", {})}
    return _answer(world, request, name, world.store.change(row, name, wanted))


VERBS: Final[dict[str, Handler]] = {
    "insert": create,
    "create": create,
    "get": get,
    "list": list_,
    "patch": patch,
    "update": update,
    "delete": delete,
    "setLabels": set_labels,
}


def merged(before: Json, given: Json) -> Json:
    """A resource after a PATCH: what is null goes, objects are merged, lists are replaced."""
    result = dict(before)
    for key, value in given.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def _answer(world: World, request: Request, name: str, rest: Json) -> Json:
    if request.method.answers == "Operation":
        return operation(world, request, name, rest)
    if request.method.answers.startswith("Policies"):  # Cloud DNS wraps a changed policy
        return {"policy": rest}
    return rest


def _schema(row: Row, request: Request) -> str:
    takes = request.method.takes
    if not row.wrapped:
        return takes
    fields = request.method.document.schema(takes)["properties"]
    return str(fields[row.wrapped]["$ref"])


def _new_name(row: Row, request: Request) -> str:
    if request.method.http == "PUT":
        return request.name
    inside = request.body.get(row.wrapped, {}) if row.wrapped else {}
    value = (
        request.query.get(row.named_by) or _deep(inside, row.named_by) or _deep(request.body, row.named_by)
    )
    if request.method.id == "iam.projects.serviceAccounts.create":
        value = f"{value}@{request.name.split('/')[1]}.iam.gserviceaccount.com"
    if not value:
        raise refusal.Refused(400, f"Required field '{row.named_by}' not specified")
    if request.method.id == "dns.resourceRecordSets.create":
        return f"{request.name}/{value}/{request.body.get('type', '')}"
    return f"{request.name}/{tail(str(value))}"


def _deep(body: Any, path: str) -> Any:
    for part in path.split("."):
        body = body.get(part) if isinstance(body, dict) else None
    return body


def _as_kept(request: Request, asked: Json) -> Json:
    return _kept(request, links(asked) if request.api == "compute" else asked)


def _kept(request: Request, wanted: Json) -> Json:
    if request.method.collection == "compute.routers":
        return compute.with_nat_defaults(wanted)
    if request.method.collection == "storage.buckets" and "location" in wanted:
        return {**wanted, "location": str(wanted["location"]).upper()}
    return wanted


def _take(to: Json, given: Json, path: list[str]) -> None:
    """Copy the field at `path`; where it is not given it goes."""
    if len(path) > 1:
        below = to.setdefault(path[0], {})
        _take(below, given.get(path[0]) or {}, path[1:])
    elif path[0] in given and given[path[0]] is not None:
        to[path[0]] = given[path[0]]
    else:
        to.pop(path[0], None)


def _camel(word: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), word)
