"""Long operations: what a request for something slow is answered with, and how it is asked for later."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.google.kinds import LINK
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.rows import NOW


@dataclass(frozen=True)
class Operation:
    """One operation. The work behind it is done when it is made; what is slow is only the answer."""

    api: str
    name: str
    verb: str
    target: str
    #: what became of the target; empty after a deletion
    result: Mapping[str, Any]
    #: when it is said to be done, by the monotonic clock
    ends: float

    def answer(self) -> Json:
        """The operation in the form of its API."""
        done = time.monotonic() >= self.ends
        if self.api == "compute":
            return self._compute(done)
        if self.api == "container":
            return self._container(done)
        if self.api == "dns":
            return {"kind": "dns#operation", "id": self.name, "status": "done" if done else "pending"}
        return {
            "name": self._where("operations"),
            "metadata": {"target": self.target, "verb": self.verb, "createTime": NOW},
            "done": done,
            **({"response": {"@type": _any(self.result), **self.result}} if done else {}),
        }

    def _compute(self, done: bool) -> Json:
        parts = self.target.split("/")
        scope = "/".join(parts[:3] if parts[2] == "global" else parts[:4])
        place = {} if parts[2] == "global" else {parts[2].removesuffix("s"): LINK + "/".join(parts[:4])}
        return {
            "kind": "compute#operation",
            "id": str(10**18 + int(self.name.rpartition("-")[2])),
            "name": self.name,
            "operationType": self.verb,
            "status": "DONE" if done else "RUNNING",
            "progress": 100 if done else 0,
            "targetLink": LINK + self.target,
            "selfLink": f"{LINK}{scope.removesuffix('/global')}/global/operations/{self.name}"
            if parts[2] == "global"
            else f"{LINK}{scope}/operations/{self.name}",
            "insertTime": NOW,
            "user": "sandbox@example.com",
            **place,
        }

    def _container(self, done: bool) -> Json:
        return {
            "name": self.name,
            "operationType": self.verb.upper(),
            "status": "DONE" if done else "RUNNING",
            "targetLink": f"https://container.googleapis.com/v1/{self.target}",
            "selfLink": f"https://container.googleapis.com/v1/{self._where('operations')}",
            "startTime": NOW,
            **({"endTime": NOW} if done else {}),
            "location": self.target.split("/")[3],
        }

    def _where(self, word: str) -> str:
        parts = self.target.split("/")
        if self.api in ("serviceusage", "accesscontextmanager") or parts[2:3] != ["locations"]:
            return f"{word}/{self.name}"
        return "/".join([*parts[:4], word, self.name])


class Operations:
    """All of them, by name."""

    def __init__(self) -> None:
        self._known: dict[str, Operation] = {}
        self._numbers = itertools.count(1)
        self._guard = threading.Lock()

    def begin(self, api: str, verb: str, target: str, result: Mapping[str, Any], seconds: float) -> Json:
        """A new operation, said to take this long; the answer to the request that asked for it."""
        with self._guard:
            name = f"operation-{next(self._numbers)}"
            operation = Operation(api, name, verb, target, result, time.monotonic() + seconds)
            self._known[name] = operation
        return operation.answer()

    def find(self, name: str) -> Operation | None:
        """The operation of this name."""
        with self._guard:
            return self._known.get(name)


def _any(result: Mapping[str, Any]) -> str:
    return str(result.get("@type", "type.googleapis.com/google.protobuf.Struct" if result else _EMPTY))


_EMPTY = "type.googleapis.com/google.protobuf.Empty"
