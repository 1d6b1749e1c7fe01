"""What exists in the stand-in cloud: one JSON file per object, under `home/google/TYPE/`.

One file per object keeps a change as cheap with a thousand firewalls as with one, lets a person read the
cloud with `ls` and `cat`, and makes a killed process harmless: a file is written beside its place and
renamed.

What a person does to it without the program (an edit in the console) is in console.py.
"""

from __future__ import annotations

import copy
import fcntl
import hashlib
import json
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

ENABLED_API = "gcp:projects/service:Service"


class HasGoogle(Protocol):
    """The part of a sandbox's home that lies here: the folder of the cloud's objects."""

    @property
    def google(self) -> Path: ...


@dataclass
class Resource:
    """One object in the cloud.

    `state` is what the cloud would say about it, `inputs` what it was made from. `acknowledged` is False
    until the engine has used the id that its creation returned: see `Lifecycle.create`, which adopts an
    object that is not acknowledged.
    """

    id: str
    type: str
    urn: str
    inputs: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    acknowledged: bool = False
    #: what Google's REST API answers about it, where it came through that door; `state` then holds the same
    #: in the provider's words, as far as the rules of the cloud read it
    rest: dict[str, Any] = field(default_factory=dict)


class Cloud:
    """The objects of one sandbox. Safe for several threads and processes; nothing is kept only in memory."""

    def __init__(self, home: HasGoogle) -> None:
        self.folder = home.google
        self._threads = threading.RLock()
        self._depth = 0
        self._read: dict[Path, tuple[tuple[int, int, int], Resource]] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the whole cloud still; may be nested. Other threads and processes wait."""
        with self._threads:
            if self._depth:
                yield
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / ".lock").open("w", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._depth = 1
                try:
                    yield
                finally:
                    self._depth = 0

    # What a person or a test uses

    def list(self, type: str = "") -> list[dict[str, Any]]:
        """Every object, or every one of a type token, as `{"id", "type", "state"}` and ordered by id."""
        resources = self.of_type(type) if type else self.everything()
        return [
            {"id": resource.id, "type": resource.type, "state": copy.deepcopy(resource.state)}
            for resource in sorted(resources, key=lambda resource: resource.id)
        ]

    def leftovers(self) -> list[dict[str, Any]]:
        """What is still there and should not be after everything was destroyed: all but enabled APIs."""
        return [resource for resource in self.list() if resource["type"] != ENABLED_API]

    def get(self, id: str) -> dict[str, Any]:
        """What the cloud says about one object. KeyError when there is none with this id."""
        return copy.deepcopy(self.require(id).state)

    def remove(self, id: str) -> None:
        """Take an object away, whatever depends on it. KeyError when there is none with this id."""
        with self.locked():
            self.require(id)
            self.drop(id)

    # What the provider uses

    def find(self, id: str) -> Resource | None:
        """The object with this id, if it exists. The answer is shared: change a copy and `put` it."""
        name = _file_name(id)
        for folder in self._folders():
            resource = self._load(folder / name)
            if resource is not None and resource.id == id:
                return resource
        return None

    def require(self, id: str) -> Resource:
        """As `find`. KeyError when there is none with this id."""
        resource = self.find(id)
        if resource is None:
            raise KeyError(f"nothing in the cloud has the id {id!r}; Cloud.list() shows what there is")
        return resource

    def of_type(self, type: str) -> Iterator[Resource]:
        """The objects of one type token. Shared, as in `find`."""
        folder = self.folder / _folder_name(type)
        if folder.is_dir():
            for path in sorted(folder.glob("*.json")):
                resource = self._load(path)
                if resource is not None:
                    yield resource

    def everything(self) -> Iterator[Resource]:
        """All objects. Shared, as in `find`."""
        for folder in self._folders():
            for path in sorted(folder.glob("*.json")):
                resource = self._load(path)
                if resource is not None:
                    yield resource

    def put(self, resource: Resource) -> None:
        """Write an object, all of it or nothing."""
        path = self.folder / _folder_name(resource.type) / _file_name(resource.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(resource), file, indent=1, sort_keys=True)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def drop(self, id: str) -> None:
        """Remove an object's file; nothing happens when there is none."""
        resource = self.find(id)
        if resource is not None:
            (self.folder / _folder_name(resource.type) / _file_name(id)).unlink(missing_ok=True)

    def acknowledge(self, id: str) -> None:
        """The engine has used this id, so it knows of the object."""
        with self.locked():
            resource = self.find(id)
            if resource is not None and not resource.acknowledged:
                self.put(Resource(**{**asdict(resource), "acknowledged": True}))

    def _folders(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_dir()) if self.folder.is_dir() else []

    def _load(self, path: Path) -> Resource | None:
        try:
            stat = path.stat()
        except FileNotFoundError:
            self._read.pop(path, None)
            return None
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        known = self._read.get(path)
        if known is None or known[0] != stamp:
            try:
                known = (stamp, Resource(**json.loads(path.read_text(encoding="utf-8"))))
            except FileNotFoundError:
                return None
            except (ValueError, TypeError) as error:
                raise RuntimeError(
                    f"{path} is not an object of the stand-in cloud ({error}); the cloud cannot be trusted "
                    "with it. Delete the file to say that the object is gone, or clean the sandbox."
                ) from error
            self._read[path] = known
        return known[1]


def _folder_name(type: str) -> str:
    """`gcp:compute/firewall:Firewall` -> `compute.Firewall`; two types never share one."""
    _, module, name = type.split(":")
    return f"{module.partition('/')[0]}.{name}"


def _file_name(id: str) -> str:
    """A name that a person recognises, made unique by a hash of the whole id."""
    readable = re.sub(r"[^A-Za-z0-9-]+", "-", id.rpartition("/")[2])[:60].strip("-")
    return f"{readable}.{hashlib.sha256(id.encode()).hexdigest()[:12]}.json"
