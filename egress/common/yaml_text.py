"""YAML as the Pulumi CLI reads it (Go's yaml.v3), so that what is proven here is what Pulumi hands to the
program.

PyYAML scans and parses - both readers come from the same C library -; what a plain word means, what a key is
and what may not stand twice is decided here. `no` is a text, `010` is eight, and a key that stands twice is
refused. What Pulumi reads as something that nobody meant (a date, `null` as a key) is refused with the line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml
from yaml.events import AliasEvent

from egress.common.yaml_scalars import plain

DEEPEST = 100
"""Levels of lists and mappings in one another. Settings have ten."""
MOST_VALUES = 1_000_000
"""Values in a file once every alias is written out."""

_PREFIX = "tag:yaml.org,2002:"
_PLAIN, _QUOTED = "plain", "quoted"
_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "null": (type(None),),
}
_QUOTES = "Put it in quotes."


@dataclass(frozen=True)
class Fault:
    """Something in the file that cannot be read, or that would be read as what nobody meant."""

    line: int
    consequence: str
    fix: str


class NotYaml(Exception):
    """The text cannot be taken as it stands."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


def parse(content: bytes) -> Any:
    """What the text says: mappings with text for keys, lists, text, numbers, true, false, None.

    Raises:
        NotYaml: with every fault; of a text that is no YAML at all, the first.
    """
    text = _decoded(content)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotYaml(
            [Fault(line, "The file contains a control character, which YAML does not allow.", "Remove it.")]
        ) from None
    except yaml.MarkedYAMLError as error:
        raise NotYaml([_syntax(error, text)]) from None
    except (
        ValueError,
        OverflowError,
    ) as error:  # an escape such as "\UFFFFFFFF", for which there is no character
        raise NotYaml(
            [Fault(1, f"An escape sequence in the file stands for no character ({error}).", "Correct it.")]
        ) from None
    reading = _Reading()
    found = reading.value(node) if node else None
    if reading.faults:
        raise NotYaml(reading.faults)
    return found


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotYaml(
            [
                Fault(
                    line,
                    f"The file is not UTF-8 (byte {content[error.start]:#04x}), so nobody knows which "
                    "letters are meant.",
                    "Save it as UTF-8.",
                )
            ]
        ) from None


class _TooDeep(yaml.MarkedYAMLError):
    pass


class _Loader(yaml.SafeLoader):
    """Composes nodes; says of every scalar only whether it was plain, quoted, or had a tag."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: Any) -> str:  # noqa: ARG002
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _QUOTED
        return _PREFIX + ("seq" if kind is yaml.SequenceNode else "map")

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = cast(Any, self).peek_event()
        if not isinstance(event, AliasEvent):
            # As in Go, a name may be given again; aliases mean the last one before them.
            self.anchors.pop(getattr(event, "anchor", None), None)
        self.depth += 1
        if self.depth > DEEPEST:
            raise _TooDeep(problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def check_yaml_version(self, event: Any) -> None:
        if event.version and event.version != (1, 1):
            raise yaml.MarkedYAMLError(problem="%YAML", problem_mark=event.start_mark)

    def compose_document(self) -> yaml.Node | None:
        self.check_yaml_version(cast(Any, self).peek_event())
        return super().compose_document()


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    problem = error.problem or ""
    here = text[mark.index : mark.index + 1] if mark else ""
    if isinstance(error, _TooDeep):
        return Fault(
            line, f"Lists and mappings are nested more than {DEEPEST} levels deep.", "Use fewer levels."
        )
    if problem == "%YAML":
        return Fault(line, "Pulumi reads only YAML 1.1 and refuses this file.", "Remove the line %YAML.")
    if "but found another document" in problem:
        return Fault(
            line,
            "A second document begins here, which Pulumi ignores.",
            "Keep one document: remove the line `---`.",
        )
    if "undefined alias" in problem:
        return Fault(
            line,
            f"There is no anchor for the alias: {problem.removeprefix('found ')}.",
            "Use an anchor that is defined above it.",
        )
    if problem.startswith("expected alphabetic or numeric character") or (here and here in "*&@`%!"):
        return Fault(
            line,
            "The file is not YAML: at the beginning of a value or key, * & @ ` % and ! have meanings of "
            "their own.",
            'Put it in quotes, e.g. "*.example.org".',
        )
    if here == "\t":
        return Fault(
            line, "The file is not YAML: there is a tab where only spaces are allowed.", "Indent with spaces."
        )
    return Fault(line, f"The file is not YAML: {problem}.", "Correct what begins here or in the line above.")


class _Reading:
    """One walk over the nodes."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._within: set[int] = set()
        self._values = 0

    def value(self, node: yaml.Node) -> Any:
        self._values += 1
        if self._values > MOST_VALUES:
            if self._values == MOST_VALUES + 1:
                self._fault(
                    node,
                    f"With its aliases expanded, the file has more than {MOST_VALUES} values.",
                    "Use fewer aliases.",
                )
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._within:
            self._fault(
                node,
                "The value of this anchor contains itself, so it never ends.",
                "Remove the alias within it.",
            )
            return None
        of = "seq" if isinstance(node, yaml.SequenceNode) else "map"
        if node.tag != _PREFIX + of:
            self._tag(node)
            return None
        self._within.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item) for item in cast("list[yaml.Node]", node.value)]
            return self._mapping(cast(yaml.MappingNode, node))
        finally:
            self._within.discard(id(node))

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[yaml.Node] = []
        for key, item in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            name = "<<" if _merges(key) else self._key(key)
            if name is None:
                continue
            line = key.start_mark.line + 1
            if name in lines:
                self._fault(
                    key,
                    f"{name} is set here a second time, first on line {lines[name]}: only one of the two "
                    "could apply. Pulumi refuses such a file.",
                    "Merge the two.",
                )
                continue
            lines[name] = line
            if _merges(key):
                merged.append(item)
            else:
                found[name] = self.value(item)
        for item in merged:
            for more in self._sources(item):
                for name, value in more.items():
                    found.setdefault(name, value)
        return found

    def _sources(self, node: yaml.Node) -> list[dict[str, Any]]:
        """The mappings behind `<<`, the one that counts most first."""
        sources = cast("list[yaml.Node]", node.value) if isinstance(node, yaml.SequenceNode) else [node]
        found = [self.value(source) for source in sources if isinstance(source, yaml.MappingNode)]
        if len(found) != len(sources):
            self._fault(
                node,
                "The value after << is not a mapping.",
                "Write the alias of a mapping, or a list of such aliases.",
            )
        return [cast("dict[str, Any]", item) for item in found if isinstance(item, dict)]

    def _key(self, node: yaml.Node) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._fault(
                node,
                "A list or a mapping is used as a key.",
                "A key is a name: put it in quotes if it holds brackets.",
            )
            return None
        faults = len(self.faults)
        value = self._scalar(node)
        if isinstance(value, str) or len(self.faults) > faults:
            return value
        read = "null" if value is None else str(value).lower()
        if read == node.value and value is not None:
            return read
        self._fault(
            node,
            f"YAML reads the key {node.value or '(empty)'} as {read}, not as the name written here.",
            _QUOTES,
        )
        return None

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if re.search("[\ud800-\udfff]", node.value):
            self._fault(
                node,
                "An escape sequence stands for half of a character (a surrogate).",
                'Write the character itself, or "\\U0001F600".',
            )
            return None
        if node.tag in (_QUOTED, _PREFIX + "str"):
            return node.value
        try:
            value = plain(node.value)
        except ValueError as error:
            self._fault(node, f"{error}.", _QUOTES)
            return None
        if node.tag == _PLAIN:
            return value
        types = _TYPES.get(node.tag.removeprefix(_PREFIX), ())
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            self._tag(node)
            return None
        return value

    def _tag(self, node: yaml.Node) -> None:
        tag = str(node.tag).replace(_PREFIX, "!!")
        self._fault(
            node,
            f"The value here cannot be read as {tag}.",
            "Remove the tag, and put a text that looks like a number in quotes.",
        )

    def _fault(self, node: yaml.Node, consequence: str, fix: str) -> None:
        self.faults.append(Fault(node.start_mark.line + 1, consequence, fix))


def _merges(key: yaml.Node) -> bool:
    return (
        isinstance(key, yaml.ScalarNode)
        and key.value == "<<"
        and key.tag in (_PLAIN, _QUOTED, _PREFIX + "merge")
    )


def depth(value: Any) -> int:
    """How deep lists and mappings lie in one another, up to one more than is allowed; works on any value."""
    level, items = 0, [value]
    while items and level <= DEEPEST:
        inside: list[Any] = []
        for item in items:
            if isinstance(item, Mapping):
                inside.extend(cast("Mapping[Any, Any]", item).values())
            elif isinstance(item, list):
                inside.extend(cast("list[Any]", item))
        items = inside
        level += 1
    return level
