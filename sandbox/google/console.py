"""What a person with Google's console open does to an object, without the program that made it.

For tests and demonstrations of drift. Nothing of the provider imports this file.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from sandbox.google import schema
from sandbox.google.cloud import Cloud
from sandbox.google.table import KINDS


def edit(cloud: Cloud, id: str, changes: Mapping[str, Any]) -> None:
    """Change fields of an object; None clears a field. KeyError for an id or a field that does not exist."""
    with cloud.locked():
        resource = copy.deepcopy(cloud.require(id))
        fields = schema.outputs(KINDS[resource.type].schema)
        if unknown := sorted(set(changes) - set(fields)):
            raise KeyError(
                f"{resource.type} has no field {', '.join(unknown)}; it has {', '.join(sorted(fields))}"
            )
        state = {**resource.state, **changes}
        resource.state = {name: value for name, value in state.items() if value is not None}
        cloud.put(resource)
