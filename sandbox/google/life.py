"""Create, update, read and delete, as the cloud does them: it knows what exists, and refuses what does not
fit.

One thing differs from the real cloud on purpose. There, a process killed between the cloud's creation and the
engine's note of it leaves an object that nobody owns, and the next run ends in "already exists". Here such an
object is *adopted*: a creation by the same resource (URN) with the same inputs, of an object whose id the
engine has never used, answers as if it had just been made. A killed run can so be run again. Everything else
that exists already is refused as in the real cloud.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import shapes
from .cloud import Cloud, Thing
from .identity import enabled
from .kinds import LINK, ApiServer, Kind, Problem, Scene, Values, first, walk
from .table import KINDS
from .wire import UNKNOWN, Secret

Log = Callable[[str, str], None]
_STATUS = {400: "invalid", 403: "accessNotConfigured", 404: "notFound", 409: "alreadyExists"}


class Refused(Exception):
    """The cloud said no. The text has every reason, in Google's form and with what to do."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Settings:
    """What the provider was configured with."""

    project: str = ""
    region: str = ""
    zone: str = ""


@dataclass(frozen=True)
class Life:
    """The life of objects in one cloud."""

    cloud: Cloud
    apiserver: ApiServer
    log: Log

    def create(self, kind: Kind, urn: str, inputs: Values, settings: Settings) -> tuple[str, Values]:
        """Make an object; its id and outputs."""
        with self.cloud.locked():
            scene = self._scene(kind, complete(kind, inputs, settings), settings, None)
            if existing := self._existing(scene, urn, inputs):
                return existing.id, outputs(kind, existing.state)
            self._judge(scene)
            if not kind.before_create:
                return self._record(scene, urn, inputs)
        kind.before_create(scene)  # takes seconds; the lock is free meanwhile
        with self.cloud.locked():
            if existing := self._existing(scene, urn, inputs):
                return existing.id, outputs(kind, existing.state)
            return self._record(scene, urn, inputs)

    def _record(self, scene: Scene, urn: str, inputs: Values) -> tuple[str, Values]:
        thing = Thing(scene.id, scene.kind.token, urn, dict(inputs), self._state(scene, {}))
        self.cloud.put(thing)
        if scene.kind.after_create:
            scene.kind.after_create(scene)
        return thing.id, outputs(scene.kind, thing.state)

    def preview_create(self, kind: Kind, inputs: Values, settings: Settings) -> Values:
        """The outputs as far as they are known before there is an object."""
        state = complete(kind, inputs, settings)
        _fill_defaults(kind, state)
        state = _merge(kind.foreseen(state) if kind.foreseen else {}, state)
        for name, always in shapes.outputs(kind.shape).items():
            if always and name not in state:
                state[name] = UNKNOWN
        for path in kind.kept:
            _put(state, path.split("."), UNKNOWN)
        return outputs(kind, state)

    def update(self, kind: Kind, id: str, inputs: Values, settings: Settings, preview: bool) -> Values:
        """Change an object in place; its outputs."""
        with self.cloud.locked():
            thing = self.cloud.find(id)
            if thing is None:
                raise Refused(
                    404,
                    f"googleapi: Error 404: The resource '{id}' was not found, notFound. It was deleted "
                    "behind the "
                    "program's back; refresh, then deploy again.",
                )
            new = complete(kind, inputs, settings)
            scene = Scene(kind, id, _project(new, settings), new, thing.state, self.cloud, self.apiserver)
            if preview:
                return outputs(kind, _previewed(kind, new, thing.state))
            self._judge(scene)
            state = self._state(scene, thing.state)
            self.cloud.put(Thing(id, kind.token, thing.urn, dict(inputs), state, acknowledged=True))
            if kind.after_update:
                kind.after_update(scene)
            return outputs(kind, state)

    def read(self, kind: Kind, id: str) -> Values | None:
        """What the cloud says about an object now, or None when it is gone."""
        with self.cloud.locked():
            thing = self.cloud.find(id)
            if thing is None or thing.type != kind.token:
                return None
            self.cloud.acknowledge(id)
            state = thing.state
            if kind.live:
                scene = Scene(
                    kind, id, str(state.get("project", "")), state, state, self.cloud, self.apiserver
                )
                state = _merge(state, kind.live(scene))
            return outputs(kind, state)

    def delete(self, kind: Kind, id: str) -> None:
        """Remove an object and what goes with it; nothing happens when it is gone already."""
        with self.cloud.locked():
            thing = self.cloud.find(id)
            if thing is None:
                return
            policy = thing.state.get("deletionPolicy", "DELETE")
            if policy == "ABANDON" or (kind.deletes and not kind.deletes(thing.state)):
                return
            scene = Scene(
                kind,
                id,
                str(thing.state.get("project", "")),
                thing.state,
                thing.state,
                self.cloud,
                self.apiserver,
            )
            refusals = [
                *self._users(thing),
                *(problem for rule in kind.delete_rules for problem in rule(scene)),
            ]
            if policy == "PREVENT":
                refusals.append(
                    Problem(
                        "deletionPolicy",
                        policy,
                        "the resource refuses to be destroyed; deploy another policy first",
                    )
                )
            _raise(kind, id, "deleting", refusals)
            if kind.before_delete:
                kind.before_delete(scene)
            for token, start in kind.takes_along(thing) if kind.takes_along else ():
                for other in [other.id for other in self.cloud.of_type(token) if other.id.startswith(start)]:
                    self.cloud.drop(other)
            self.cloud.drop(id)

    def _scene(self, kind: Kind, new: Values, settings: Settings, old: Values | None) -> Scene:
        return Scene(kind, kind.id(new), _project(new, settings), new, old, self.cloud, self.apiserver)

    def _existing(self, scene: Scene, urn: str, inputs: Values) -> Thing | None:
        """The object that an interrupted run left, if there is one; refused when it is somebody else's."""
        existing = None if scene.kind.idempotent else self.cloud.find(scene.id)
        if existing is None:
            return None
        if existing.acknowledged or existing.urn != urn or existing.inputs != dict(inputs):
            raise Refused(
                409,
                f"googleapi: Error 409: The resource '{existing.id}' already exists, alreadyExists. Nothing "
                "was "
                "changed. Choose another name, delete what is there, or import it into this stack.",
            )
        self.log(urn, f"adopted '{existing.id}', which an interrupted run created")
        return existing

    def _judge(self, scene: Scene) -> None:
        kind = scene.kind
        if kind.api and not enabled(scene, kind.api):
            raise Refused(
                403,
                f"googleapi: Error 403: {kind.api} has not been used in project {scene.project} before or it "
                "is "
                f"disabled, accessNotConfigured. '{scene.id}' cannot be made without it: enable it with a "
                "projects.Service and let this resource depend on that.",
            )
        missing = list(self._missing(scene))
        refusals = missing or [problem for rule in kind.cloud_rules for problem in rule(scene)]
        _raise(kind, scene.id, "creating" if scene.old is None else "updating", refusals)

    def _missing(self, scene: Scene) -> Iterator[Problem]:
        values = {**scene.new, "project": scene.project}
        for reference in scene.kind.references:
            for at, value in walk(scene.new, reference.path):
                id = reference.find(str(value), values) if value else None
                if id is not None and self.cloud.find(id) is None:
                    what = reference.to.rpartition(":")[2]
                    yield Problem(
                        at,
                        value,
                        f"The resource '{id}' was not found: there is no such {what}. Create it first and "
                        "use its output here, so that the order is right",
                        404,
                    )

    def _users(self, thing: Thing) -> Iterator[Problem]:
        for kind in KINDS.values():
            for reference in kind.references:
                if not reference.holds or reference.to != thing.type:
                    continue
                for other in self.cloud.of_type(kind.token):
                    for _, value in walk(other.state, reference.path):
                        if reference.find(str(value), other.state) == thing.id:
                            yield Problem(
                                "id", thing.id, f"it is already being used by '{other.id}'; delete that first"
                            )

    def _state(self, scene: Scene, before: Values) -> dict[str, Any]:
        """The cloud's record: what was asked for, defaults, what was there, what the cloud adds."""
        kind = scene.kind
        state = copy.deepcopy(dict(scene.new))
        _fill_defaults(kind, state)
        inputs = shapes.inputs(kind.shape)
        always = shapes.outputs(kind.shape)
        own_choice = {name: value for name, value in before.items() if name not in inputs or always.get(name)}
        kept = {path: value for path in kind.kept if (value := first(before, path)) is not None}
        for path, value in kept.items():
            _put(state, path.split("."), value)
        state = _only_missing(state, own_choice)
        state = _merge(kind.computed(scene) if kind.computed else {}, state)
        if "deletionPolicy" in always:
            state.setdefault("deletionPolicy", "DELETE")
        for reference in kind.references:
            if reference.output != "as given":
                _rewrite(
                    state,
                    reference.path.split("."),
                    lambda value, reference=reference: _written(reference, value, scene),
                )
        return _merge(state, kind.live(scene)) if kind.live else state


def complete(kind: Kind, inputs: Values, settings: Settings) -> dict[str, Any]:
    """The inputs with the project and place that the provider was configured with. Refused when one is
    missing."""
    values = {**{name: value for name, value in kind.defaults.items() if "." not in name}, **inputs}
    of_cluster = re.search(r"/locations/([^/]+)/", str(values.get("cluster", "")))
    known = {
        "project": settings.project,
        "region": settings.region,
        "zone": settings.zone,
        "location": of_cluster[1] if of_cluster else settings.zone or settings.region,
    }
    for field in kind.place:
        if values.get(field) is None:
            if not known[field]:
                raise Refused(
                    400,
                    f"{kind.token}: {field}: required field is not set. Give it to the resource, or "
                    "configure the "
                    f"provider with gcp:{'zone' if field == 'location' else field}.",
                )
            values[field] = known[field]
    return values


def outputs(kind: Kind, state: Values) -> dict[str, Any]:
    """What the engine gets: the state, with the secret parts marked."""
    values = copy.deepcopy(dict(state))
    for path in kind.secret:
        _rewrite(values, path.split("."), Secret)
    return values


def _previewed(kind: Kind, new: Values, before: Values) -> dict[str, Any]:
    inputs, always = shapes.inputs(kind.shape), shapes.outputs(kind.shape)
    state = copy.deepcopy(dict(new))
    _fill_defaults(kind, state)
    for path in kind.kept:
        value = first(before, path)
        if value is not None:
            _put(state, path.split("."), value)
    return _only_missing(
        state, {name: value for name, value in before.items() if name not in inputs or always.get(name)}
    )


def _project(values: Values, settings: Settings) -> str:
    """The project whose APIs are used."""
    named = re.search(r"^projects/([^/]+)/", str(values.get("serviceAccountId", "")))
    return str(values.get("project") or (named[1] if named else settings.project))


def _raise(kind: Kind, id: str, doing: str, problems: Iterable[Problem]) -> None:
    problems = list(problems)
    if not problems:
        return
    code = problems[0].code
    lines = [f"{problem.path} is {problem.value!r}: {problem.rule}." for problem in problems]
    raise Refused(
        code,
        f"googleapi: Error {code}: {doing} {kind.token} '{id}': " + "\n".join(lines) + f" ({_STATUS[code]})",
    )


def _written(reference: Any, value: Any, scene: Scene) -> Any:
    id = reference.find(value, {**scene.new, "project": scene.project}) if value else None
    if id is None:
        return value
    return LINK + id if reference.output == "link" else id


def _fill_defaults(kind: Kind, state: dict[str, Any]) -> None:
    for path, value in kind.defaults.items():
        _put(state, path.split("."), value)


def _put(values: Any, parts: list[str], value: Any) -> None:
    """Set a field where it is missing and the object around it exists."""
    if isinstance(values, list) and parts[0] == "*":
        for item in values:
            _put(item, parts[1:], value)
    elif isinstance(values, dict):
        if len(parts) == 1:
            values.setdefault(parts[0], copy.deepcopy(value))
        elif parts[0] in values:
            _put(values[parts[0]], parts[1:], value)


def _rewrite(values: Any, parts: list[str], change: Callable[[Any], Any]) -> None:
    """Replace the known values at a path."""
    holder: Any = values
    keys: Iterable[Any] = ()
    if isinstance(values, list) and parts[0] == "*":
        keys = range(len(values))
    elif isinstance(values, dict) and parts[0] in values:
        keys = (parts[0],)
    for key in keys:
        if len(parts) > 1:
            _rewrite(holder[key], parts[1:], change)
        elif holder[key] is not UNKNOWN and holder[key] is not None:
            holder[key] = change(holder[key])


def _merge(base: Values, over: Values) -> dict[str, Any]:
    """`base` with `over` laid on it; objects are merged field by field."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = (
            _merge(below, value)
            if isinstance(below, Mapping) and isinstance(value, Mapping) and not _is_map(key)
            else value
        )
    return result


def _is_map(key: str) -> bool:
    return key.lower().endswith("labels")


def _only_missing(state: dict[str, Any], others: Values) -> dict[str, Any]:
    return {**{name: value for name, value in others.items() if value is not None}, **state}
