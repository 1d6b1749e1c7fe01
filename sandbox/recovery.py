"""Puts in order what a killed run has left behind, before the next run begins.

Three things may be left: a half-written file, the lock of the engine's file backend, and the note that some
operations had begun. Only the clouds know what became of those operations, and both of them are here. So an
object whose creation was under way is taken into the state if it exists, and forgotten if not. The run that
follows refreshes first, which settles interrupted updates and deletions as well. So no object is orphaned,
whatever happens next.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from pulumi.automation import Deployment, Stack

_GRACE_SECONDS = 20.0
"""How long an engine whose sandbox was killed may take to notice that; it then ends by itself."""

State = dict[str, Any]


class LockedError(RuntimeError):
    """Another run is at work on this sandbox."""


def mend_files(pulumi: Path, backend: Path, project: str, stack: str, say: Callable[[str], None]) -> None:
    """Replaces a state file that was cut off while the engine wrote it by the last whole one.

    The engine copies the state aside (`.bak`) before it writes the next one. The copy is as good: the engine
    notes an operation before it begins, so whatever has ended since then is still noted as under way.
    """
    folder = backend / ".pulumi"
    states = folder / "stacks" / project
    state, spare = states / f"{stack}.json", states / f"{stack}.json.bak"
    if not _is_whole(state) and _is_whole(spare):
        new = state.with_name(state.name + ".new")
        new.write_bytes(spare.read_bytes())
        new.replace(state)
        state.with_name(state.name + ".attrs").unlink(missing_ok=True)
        say("An earlier run was killed while it wrote the state; the state before that is taken.")
    newest_history = sorted((folder / "history" / project / stack).glob("*"))[-4:]
    dispensable = [*folder.glob("*.attrs"), *states.glob("*.attrs"), *newest_history]
    selected_stacks = (pulumi / "home" / "workspaces").glob("*.json")
    for file in [*dispensable, *selected_stacks]:
        if not _is_whole(file):
            file.unlink()


def _is_whole(file: Path) -> bool:
    try:
        json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return True


def break_stale_locks(backend: Path, project: str, stack: str, say: Callable[[str], None]) -> bool:
    """Removes the engine's locks that no living engine holds; True when there were any, so that a run was
    killed. Raises LockedError for one that a living engine holds.

    Call it while holding the sandbox's own lock: then no other run of the sandbox can be about to take one.
    """
    locks = sorted((backend / ".pulumi" / "locks" / "organization" / project / stack).glob("*.json"))
    for lock in locks:
        try:
            holder = json.loads(lock.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            holder = {}
        pid = int(holder.get("pid") or 0)
        if holder.get("hostname") not in (None, socket.gethostname()):
            raise LockedError(
                f"the stack is locked by process {pid} on {holder['hostname']}, which cannot be looked at "
                f"from here. If it is gone, delete {lock}"
            )
        deadline = time.monotonic() + _GRACE_SECONDS
        while _is_engine(pid) and time.monotonic() < deadline:
            time.sleep(0.2)
        if _is_engine(pid):
            raise LockedError(
                f"an engine (process {pid}) is still at work on stack {stack}; wait for it, or end it"
            )
        for path in (lock, lock.with_name(lock.name + ".attrs")):
            path.unlink(missing_ok=True)
        say(f"An earlier run was killed; its lock (process {pid}) is removed.")
    return bool(locks)


def _is_engine(pid: int) -> bool:
    """Whether this process is a running Pulumi CLI. After a restart the number may be a stranger's."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # another user's process, so not one of this sandbox
    command = Path(f"/proc/{pid}/cmdline")
    if not command.parent.parent.joinpath("self").exists():
        return True  # no /proc on this system: believe the number
    try:
        return b"pulumi" in command.read_bytes().partition(b"\0")[0]
    except OSError:
        return False


class Clouds(Protocol):
    """Where objects exist that the engine may have lost sight of."""

    def find_id(self, state: State) -> str | None:
        """The id under which the object of this state exists; None where it does not."""
        ...

    def discard(self, urn: str, kept: str) -> None:
        """Removes an unfinished object that was to replace the one with the id `kept`."""
        ...


def settle_pending(stack: Stack, clouds: Clouds, say: Callable[[str], None]) -> bool:
    """Settles operations that were under way when a run was killed; True when there were any."""
    exported = stack.export_stack()
    deployment: State = dict(exported.deployment or {})
    pending: list[State] = deployment.get("pending_operations") or []
    if not pending:
        return False
    known = {resource["urn"]: resource.get("id", "") for resource in deployment.get("resources") or []}
    adopted = []
    for operation in pending:
        state: State = operation["resource"]
        if operation["type"] != "creating" or not state.get("custom"):
            continue
        if state["urn"] in known:
            clouds.discard(state["urn"], known[state["urn"]])
        elif found := clouds.find_id(state):
            adopted.append({**state, "id": found})
    deployment["resources"] = [*(deployment.get("resources") or []), *adopted]
    deployment["pending_operations"] = []
    stack.import_stack(Deployment(version=exported.version, deployment=deployment))
    say(
        f"An earlier run was interrupted during {len(pending)} operation(s). "
        f"{len(adopted)} object(s) had been created by then and are taken over; the rest is done again."
    )
    return True
