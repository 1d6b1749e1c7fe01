"""From a request as it came to its answer: what it asks for, whether it may, and who answers."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sandbox.google.cloud import ENABLED_API
from sandbox.google.identity import ALWAYS_ON
from sandbox.google.kinds import number, tail
from sandbox.google_rest import bodies, discovery, generic, policies, refusal, special
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.project import within_quota
from sandbox.google_rest.world import Handler, Request, World

#: APIs that answer for any project, because they are on in the project of whoever asks
_OF_THE_CALLER: Final = ALWAYS_ON | {
    "cloudresourcemanager.googleapis.com",
    "cloudbilling.googleapis.com",
    "accesscontextmanager.googleapis.com",
}


@dataclass(frozen=True)
class Call:
    """One request that was answered, for whoever wants to know what was asked."""

    method_id: str
    http: str
    path: str
    status: int
    body: Json


def answer(world: World, host: str, http: str, path: str, query: Mapping[str, str], text: bytes) -> Answered:
    """The answer to `HTTP https://HOST/PATH`."""
    method_id = api = host.removesuffix(".googleapis.com")
    body: Json = {}
    try:
        found = _by_id(world, discovery.find(host, http, path))
        method_id = found.method.id
        body = _read(text)
        request = Request(host, found, _query(found.method, query), flat(body))
        _allowed(world, request)
        result = _handler(request)(
            world, Request(host, found, request.query, request.body, world.faults.meet(method_id))
        )
        code = 204 if method_id.startswith("storage.") and http == "DELETE" else 200
        return Answered(code, result, Call(method_id, http, path, code, body))
    except discovery.Unpublished as unknown:
        refused = refusal.Refused(404, str(unknown))
    except refusal.Refused as said:
        refused = said
    except Exception as error:  # a mistake of the stand-in's own is said, and not taken for a lost connection
        text_of_it = "".join(traceback.format_exception(error)[-3:])
        refused = refusal.Refused(500, f"the stand-in for Google Cloud failed at {method_id}: {text_of_it}")
    return Answered(refused.code, refused.answer(api), Call(method_id, http, path, refused.code, body))


@dataclass(frozen=True)
class Answered:
    """The status and the body of an answer."""

    code: int
    body: Json
    call: Call


def _handler(request: Request) -> Handler:
    method = request.method
    if method.id in special.ANSWERS:
        return special.ANSWERS[method.id]
    if method.collection.lower().endswith("operations"):
        return _operation
    of_policies = {"getIamPolicy": policies.get, "setIamPolicy": policies.set_}
    of_policies |= {"testIamPermissions": policies.test, "testPermissions": policies.test}
    if method.verb in of_policies:
        return of_policies[method.verb]
    if method.verb in generic.VERBS:
        return generic.VERBS[method.verb]
    raise generic.unplayed(request)


def _operation(world: World, request: Request) -> Json:
    found = world.operations.find(tail(request.name))
    if found is None:
        raise refusal.not_found(request.name)
    return found.answer()


def _read(text: bytes) -> Json:
    if not text.strip():
        return {}
    try:
        body = json.loads(text)
    except ValueError as error:
        raise refusal.Refused(400, f"Invalid JSON payload received. {error}") from error
    if not isinstance(body, dict):
        raise refusal.Refused(400, "Invalid JSON payload received. Root must be an object.")
    return body


def flat(value: Any) -> Any:
    """Lists within lists as one list: none of these APIs has one, and Google reads them so. The provider
    sends the rules of a firewall policy in that form."""
    if isinstance(value, dict):
        return {key: flat(item) for key, item in value.items()}
    if isinstance(value, list):
        return [item for each in map(flat, value) for item in (each if isinstance(each, list) else [each])]
    return value


def _query(method: discovery.Method, query: Mapping[str, str]) -> dict[str, str]:
    given = {re.sub(r"_([a-z])", lambda part: part[1].upper(), name): query[name] for name in query}
    for name in given:
        if name not in method.parameters and not name.startswith("$"):
            raise refusal.Refused(
                400,
                f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
                "Field could not be found in request message.",
            )
    return given


def _allowed(world: World, request: Request) -> None:
    method = request.method
    if method.takes:
        wrong = bodies.faults(method.document, method.takes, request.body)
        if wrong:
            raise refusal.Refused(400, "\n".join(fault.text for fault in wrong))
    elif request.body:
        raise refusal.Refused(400, f"Invalid JSON payload received. {method.id} takes no body.")
    project = _consumer(request)
    on = (
        request.host in _OF_THE_CALLER | world.switched_on
        or world.store.cloud.find(f"{project}/{request.host}") is not None
    )
    if project and not on:
        raise refusal.api_off(project, request.host)
    within_quota(world, request)


def _by_id(world: World, found: discovery.Found) -> discovery.Found:
    """A request that names its project by number, as one that names it by id."""
    parts = found.name.split("/")
    if parts[0] != "projects" or len(parts) < 2 or not parts[1].isdigit():
        return found
    for service in world.store.cloud.of_type(ENABLED_API):
        project = service.id.partition("/")[0]
        if str(number(project, 12)) == parts[1]:
            return replace(found, name="/".join(["projects", project, *parts[2:]]))
    return found


def _consumer(request: Request) -> str:
    """The project whose APIs are used."""
    parts = request.name.split("/")
    if parts[0] == "projects" and len(parts) > 1 and parts[1] != "-":
        return parts[1]
    return ""
