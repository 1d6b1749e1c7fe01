"""Resources as the REST APIs know them, kept in the one cloud of the sandbox and judged by its tables."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator

from sandbox.google import judgement
from sandbox.google.cloud import Cloud, Resource
from sandbox.google.identity import enabled
from sandbox.google.kinds import ApiServer, Context, Kind, OneApiServer, Problem, Values
from sandbox.google.state import merge
from sandbox.google.table import KINDS
from sandbox.google_rest import refusal
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.rows import Making, Row, fingerprint, place

_UNCHECKED = Kind(token="", schema="", id=lambda values: str(values.get("name")))
_GUARDS = ("fingerprint", "etag")


class Store:
    """The resources of one cloud."""

    def __init__(self, cloud: Cloud, apiserver: ApiServer) -> None:
        self.cloud = cloud
        self.apiserver = apiserver

    def find(self, row: Row, name: str) -> Json | None:
        """What Google says about a resource, or None when there is none."""
        resource = self.cloud.find(row.id(name))
        if resource is None or resource.type != row.token:
            return None
        rest = copy.deepcopy(resource.rest or resource.state)
        return merge(rest, row.live(Making(name, rest, {}, self.cloud, self.apiserver)))

    def kept(self, row: Row, name: str) -> Json:
        """A copy of what is kept of a resource, to be changed: without what is true only now."""
        self.get(row, name)
        return copy.deepcopy(self.cloud.require(row.id(name)).rest)

    def get(self, row: Row, name: str) -> Json:
        """As `find`. Refused when there is none."""
        found = self.find(row, name)
        if found is None:
            raise refusal.not_found(name)
        return found

    def list(self, row: Row, collection: str) -> Iterator[tuple[str, Json]]:
        """Every resource of a collection like `projects/p/global/networks`, with its name. A place that is
        written `-` stands for every place."""
        pattern = re.escape(collection).replace("/\\-/", "/[^/]+/") + "/.+"
        whole = row.id(f"{collection}/")
        for resource in list(self.cloud.of_type(row.token)):
            name = resource.id if whole == f"{collection}/" else f"{collection}/{resource.id}"
            if re.fullmatch(pattern, name):
                yield name, self.get(row, name)

    def create(self, api: str, row: Row, name: str, asked: Json) -> Json:
        """Make a resource of what was asked for and what Google adds. Refused when a rule says so."""
        kind, id = KINDS.get(row.token, _UNCHECKED), row.id(name)
        with self.cloud.locked():
            if self.cloud.find(id) is not None and not kind.idempotent:
                raise refusal.taken(api, name)
            context = self._context(kind, id, name, row.view(name, asked), None)
            self._judge(context)
        if kind.before_create:
            kind.before_create(context)  # takes seconds; the lock is free meanwhile
        with self.cloud.locked():
            if self.cloud.find(id) is not None and not kind.idempotent:
                raise refusal.taken(api, name)
            computed = kind.computed(context) if kind.computed else {}
            rest = merge(row.made(Making(name, asked, computed, self.cloud, self.apiserver)), asked)
            self._write(row, name, rest, computed)
            if kind.after_create:
                kind.after_create(context)
        return self.get(row, name)

    def change(self, row: Row, name: str, wanted: Json, guard: Json | None = None) -> Json:
        """Put a changed resource in the place of what is there. Refused when a rule says so, or when `guard`
        holds the fingerprint of an older one."""
        kind, id = KINDS.get(row.token, _UNCHECKED), row.id(name)
        with self.cloud.locked():
            before = self.cloud.find(id)
            if before is None:
                raise refusal.not_found(name)
            for field in _GUARDS:
                known, given = before.rest.get(field), (guard or {}).get(field)
                if given and known and given != known:
                    raise refusal.Refused(
                        412, f"Invalid fingerprint: '{name}' was changed meanwhile; read it again."
                    )
            context = self._context(kind, id, name, row.view(name, wanted), before.state)
            fixed = list(judgement.fixed(kind, row.view(name, before.rest), row.view(name, wanted)))
            if fixed:
                raise refusal.of_problems(fixed)
            self._judge(context)
            computed = {key: value for key, value in before.state.items() if key not in before.rest}
            self._write(row, name, wanted, computed)
            if kind.after_update:
                kind.after_update(context)
        return self.get(row, name)

    def delete(self, row: Row, name: str) -> None:
        """Take a resource away, with what goes with it. Refused when something holds it."""
        kind, id = KINDS.get(row.token, _UNCHECKED), row.id(name)
        with self.cloud.locked():
            resource = self.cloud.find(id)
            if resource is None:
                raise refusal.not_found(name)
            for user in judgement.users(self.cloud, resource):
                raise refusal.in_use(name, user.id)
            context = self._context(kind, id, name, resource.state, resource.state)
            problems = [problem for rule in kind.delete_rules for problem in rule(context)]
            if problems:
                raise refusal.of_problems(problems)
            if kind.before_delete:
                kind.before_delete(context)
            self._drop_parts(row, name, resource.rest, keep=())
            for token, start in kind.cascades(resource) if kind.cascades else ():
                for other in [other.id for other in self.cloud.of_type(token) if other.id.startswith(start)]:
                    self.cloud.drop(other)
            self.cloud.drop(id)

    def judge_part(self, row: Row, id: str, view: Json, old: Values | None) -> None:
        """Refused when a rule speaks against an object that has no request of its own."""
        kind = KINDS[row.token]
        project = str(view.get("project", ""))
        self._judge(Context(kind, id, project, view, old, self.cloud, OneApiServer(self.apiserver)))

    def _write(self, row: Row, name: str, rest: Json, computed: Values) -> None:
        rest = {key: value for key, value in rest.items() if key not in _GUARDS} | {
            guard: fingerprint({key: value for key, value in rest.items() if key not in _GUARDS})
            for guard in _GUARDS
            if guard in rest
        }
        old = self.cloud.find(row.id(name))
        parts = list(row.parts(name, rest)) if row.parts else []
        for part in parts:
            known = self.cloud.find(part.id)
            if known is None or known.rest != part.view:
                self.judge_part(part.row, part.id, part.view, known.state if known else None)
        state = {**computed, **row.view(name, rest)}
        self.cloud.put(Resource(row.id(name), row.token, "", {}, state, acknowledged=True, rest=rest))
        self._drop_parts(row, name, old.rest if old else {}, keep=[part.id for part in parts])
        for part in parts:
            self.cloud.put(
                Resource(part.id, part.row.token, "", {}, part.view, acknowledged=True, rest=part.view)
            )

    def _drop_parts(self, row: Row, name: str, rest: Json, keep: tuple[()] | list[str]) -> None:
        for part in row.parts(name, rest) if row.parts and rest else ():
            if part.id not in keep:
                self.cloud.drop(part.id)

    def _context(self, kind: Kind, id: str, name: str, new: Values, old: Values | None) -> Context:
        project = str(place(name).get("project") or new.get("project") or "")
        return Context(kind, id, project, new, old, self.cloud, OneApiServer(self.apiserver))

    def _judge(self, context: Context) -> None:
        kind = context.kind
        if kind.api and context.project and not enabled(context, kind.api):
            raise refusal.api_off(context.project, kind.api)
        for problems in (
            judgement.values(kind, context.new),
            judgement.missing(context),
            _by_the_cloud(context),
        ):
            if found := list(problems):
                raise refusal.of_problems(found)


def _by_the_cloud(context: Context) -> Iterator[Problem]:
    for rule in context.kind.cloud_rules:
        yield from rule(context)
