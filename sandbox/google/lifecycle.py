"""Create, update, read and delete, as a cloud does them that knows what exists and refuses what does not fit.

In one point it differs from the real cloud on purpose. There, a process killed between the cloud's creation
and the engine's note of it leaves an object that no stack owns, and the next run ends in "already exists".
Here such an object is *adopted*: when the same resource (URN) is created again with the same inputs, and the
engine has never used the object's id, the answer is as if the object had just been made. So a killed run can
be run again. Anything else that exists already is refused, as in the real cloud.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sandbox.google import judgement
from sandbox.google.cloud import Cloud, Resource
from sandbox.google.identity import enabled
from sandbox.google.kinds import ApiServers, Context, Kind, Problem, Values
from sandbox.google.refusal import Refused, refuse
from sandbox.google.settings import Settings, complete, project
from sandbox.google.state import foreseen, merge, outputs, previewed, recorded

Log = Callable[[str, str], None]


@dataclass(frozen=True)
class Lifecycle:
    """The lifecycle of the objects in one cloud."""

    cloud: Cloud
    apiservers: ApiServers
    log: Log

    def create(self, kind: Kind, urn: str, inputs: Values, settings: Settings) -> tuple[str, Values]:
        """Make an object; its id and outputs."""
        with self.cloud.locked():
            new = complete(kind, inputs, settings)
            context = self._context(kind, kind.id(new), project(new, settings), new, None)
            if existing := self._existing(context, urn, inputs):
                return existing.id, outputs(kind, existing.state)
            self._judge(context)
            if not kind.before_create:
                return self._record(context, urn, inputs)
        kind.before_create(context)  # takes seconds; the lock is free meanwhile
        with self.cloud.locked():
            if existing := self._existing(context, urn, inputs):
                return existing.id, outputs(kind, existing.state)
            return self._record(context, urn, inputs)

    def _record(self, context: Context, urn: str, inputs: Values) -> tuple[str, Values]:
        resource = Resource(context.id, context.kind.token, urn, dict(inputs), recorded(context, {}))
        self.cloud.put(resource)
        if context.kind.after_create:
            context.kind.after_create(context)
        return resource.id, outputs(context.kind, resource.state)

    def preview_create(self, kind: Kind, inputs: Values, settings: Settings) -> Values:
        """The outputs as far as they are known before there is an object."""
        return outputs(kind, foreseen(kind, complete(kind, inputs, settings)))

    def update(self, kind: Kind, id: str, inputs: Values, settings: Settings, preview: bool) -> Values:
        """Change an object in place; its outputs."""
        with self.cloud.locked():
            resource = self.cloud.find(id)
            if resource is None:
                raise Refused(
                    404,
                    f"googleapi: Error 404: The resource '{id}' was not found, notFound. It was deleted "
                    "behind the program's back; refresh, then deploy again.",
                )
            new = complete(kind, inputs, settings)
            context = self._context(kind, id, project(new, settings), new, resource.state)
            if preview:
                return outputs(kind, previewed(kind, new, resource.state))
            self._judge(context)
            state = recorded(context, resource.state)
            self.cloud.put(Resource(id, kind.token, resource.urn, dict(inputs), state, acknowledged=True))
            if kind.after_update:
                kind.after_update(context)
            return outputs(kind, state)

    def read(self, kind: Kind, id: str) -> Values | None:
        """What the cloud says about an object now, or None when it is gone."""
        with self.cloud.locked():
            resource = self.cloud.find(id)
            if resource is None or resource.type != kind.token:
                return None
            self.cloud.acknowledge(id)
            state = resource.state
            if kind.live:
                context = self._context(kind, id, str(state.get("project", "")), state, state)
                state = merge(state, kind.live(context))
            return outputs(kind, state)

    def delete(self, kind: Kind, id: str) -> None:
        """Remove an object and what goes with it; nothing happens when it is gone already."""
        with self.cloud.locked():
            resource = self.cloud.find(id)
            if resource is None:
                return
            state = resource.state
            policy = state.get("deletionPolicy", "DELETE")
            if policy == "ABANDON" or (kind.deletes and not kind.deletes(state)):
                return
            context = self._context(kind, id, str(state.get("project", "")), state, state)
            refusals = [
                *(
                    Problem("id", id, f"it is already being used by '{user.id}'; delete that first")
                    for user in judgement.users(self.cloud, resource)
                ),
                *(problem for rule in kind.delete_rules for problem in rule(context)),
            ]
            if policy == "PREVENT":
                refusals.append(
                    Problem(
                        "deletionPolicy",
                        policy,
                        "the resource refuses to be destroyed; deploy another policy first",
                    )
                )
            refuse(kind, id, "deleting", refusals)
            if kind.before_delete:
                kind.before_delete(context)
            for token, start in kind.cascades(resource) if kind.cascades else ():
                dependents = [other.id for other in self.cloud.of_type(token) if other.id.startswith(start)]
                for dependent in dependents:
                    self.cloud.drop(dependent)
            self.cloud.drop(id)

    def _context(self, kind: Kind, id: str, project: str, new: Values, old: Values | None) -> Context:
        return Context(kind, id, project, new, old, self.cloud, self.apiservers)

    def _existing(self, context: Context, urn: str, inputs: Values) -> Resource | None:
        """The object that an interrupted run of this resource left, if there is one. Any other is refused."""
        existing = None if context.kind.idempotent else self.cloud.find(context.id)
        if existing is None:
            return None
        if context.kind.adopts(context.new):
            # As the provider does: what the cloud has is taken as it is, and compared at the next run.
            taken = replace(existing, urn=urn, inputs=dict(inputs), acknowledged=False)
            self.cloud.put(taken)
            return taken
        if existing.acknowledged or existing.urn != urn or existing.inputs != dict(inputs):
            raise Refused(
                409,
                f"googleapi: Error 409: The resource '{existing.id}' already exists, alreadyExists. Nothing "
                "was changed. Choose another name, delete what is there, or import it into this stack.",
            )
        self.log(urn, f"adopted '{existing.id}', which an interrupted run created")
        return existing

    def _judge(self, context: Context) -> None:
        kind = context.kind
        if kind.api and not enabled(context, kind.api):
            raise Refused(
                403,
                f"googleapi: Error 403: {kind.api} has not been used in project {context.project} before or "
                f"it is disabled, accessNotConfigured. '{context.id}' cannot be made without it: enable it "
                "with a projects.Service and let this resource depend on that.",
            )
        missing = list(judgement.missing(context))
        refusals = missing or [problem for rule in kind.cloud_rules for problem in rule(context)]
        refuse(kind, context.id, "creating" if context.old is None else "updating", refusals)
