"""Which fields a resource type has, read from the installed `pulumi_gcp` package.

There is no table of our own, because a cluster alone has several hundred nested fields. Fields from the
package are exactly those of the version that the program runs with, so a misspelled one is found at any
depth.

The package is imported lazily and only through its top-level attributes, because its submodules break when
they are imported directly. A nested type is looked at only when a value for it arrives.
"""

from __future__ import annotations

import inspect
import threading
import time
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pulumi
from pulumi import _types as sdk  # the SDK's own reader of these annotations; it has no public name

_LOADING_SECONDS = 30.0
_loading = threading.Lock()


@dataclass(frozen=True)
class Field:
    """One input field. `type` is string, integer, number, boolean, object, list, map or any."""

    type: str
    required: bool = False
    item: Field | None = None
    cls: type | None = None

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields of an object, by their name on the wire."""
        return _fields(self.cls) if self.cls else {}


@cache
def inputs(schema: str) -> Mapping[str, Field]:
    """The input fields of a type named like `compute.Firewall`, by their name on the wire."""
    return _fields(_attribute(f"{schema}Args"))


@cache
def outputs(schema: str) -> Mapping[str, bool]:
    """The outputs of a type, and whether each of them always has a value (required, computed or
    defaulted)."""
    hints: Mapping[str, Any] = sdk._raw_return_hints(_attribute(schema))
    return {
        name: type(None) not in typing.get_args(typing.get_args(hint)[0]) if typing.get_args(hint) else True
        for name, hint in hints.items()
        if name not in ("id", "urn")
    }


def _attribute(path: str) -> type:
    """A class of the package, once its module is loaded.

    The package's modules load at first use, and until that has ended other threads find them without
    attributes. So threads take turns here, and wait for the program's own thread.
    """
    import pulumi_gcp

    module, name = path.split(".")
    patience = time.monotonic() + _LOADING_SECONDS
    with _loading:
        while True:
            try:
                return typing.cast(type, getattr(getattr(pulumi_gcp, module), name))
            except AttributeError:
                if time.monotonic() > patience:
                    raise
                time.sleep(0.05)


@cache
def _fields(cls: type) -> Mapping[str, Field]:
    wire_names = sdk.input_type_py_to_pulumi_names(cls)
    types = sdk.input_type_types(cls)
    parameters = inspect.signature(cls).parameters
    return {
        wire: _field(types.get(wire, Any), parameters[python].default is inspect.Parameter.empty)
        for python, wire in ((name, wire_names.get(name, name)) for name in parameters)
    }


def _field(hint: Any, required: bool = False) -> Field:
    hint = _bare(hint)
    origin = typing.get_origin(hint)
    if origin in (Sequence, list):
        return Field("list", required, item=_field(typing.get_args(hint)[0]))
    if origin in (Mapping, dict):
        return Field("map", required, item=_field(typing.get_args(hint)[1]))
    if isinstance(hint, type) and sdk.is_input_type(hint):
        return Field("object", required, cls=hint)
    names = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return Field(names.get(hint, "any"), required)


def _bare(hint: Any) -> Any:
    """The type that is meant, without `None`, `Awaitable` and `Output` around it."""
    if not sdk._is_union_type(hint):
        return hint
    for option in typing.get_args(hint):
        origin = typing.get_origin(option)
        if option is type(None) or option is pulumi.Output or origin is pulumi.Output:
            continue
        if getattr(origin, "__name__", "") == "Awaitable":
            continue
        return _bare(option)
    return Any
