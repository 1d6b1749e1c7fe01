"""The one comment on a pull request: what teams gain and lose in words, then what Pulumi would do, per stack.
Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from ci.review import APPROVAL, Change, Review, Step

MARKER = "<!-- gke-mesh-egress: preview -->"
"""First line of the comment, by which the next run finds and replaces it."""
LIMIT = 65_000
"""Characters; GitHub refuses comments of more than 65,536."""
SHOWN = 100
"""Resources shown per stack; the rest is counted."""

NOT_JUDGED = "not judged"
"""What `egress diff` calls a difference of which it cannot tell what it does."""

_MEANING = {
    "create": "create",
    "update": "update",
    "delete": "**delete**",
    "replace": "**replace**",
    "create-replacement": "**replace**: create the new one",
    "delete-replaced": "**replace**: delete the old one",
    "import": "import",
    "read": "read",
    "refresh": "refresh",
}
_ORDER = ("delete", "delete-replaced", "replace", "create-replacement", "update", "create")
"""Losses first."""


def compose(reviews: Sequence[Review], approved: bool) -> str:
    """The comment's text."""
    text = (
        "\n".join(
            [MARKER, "## What this changes", "", *_verdict(reviews, approved), *_stacks(reviews)]
        ).rstrip()
        + "\n"
    )
    if len(text) <= LIMIT:
        return text
    return (
        text[:LIMIT].rpartition("\n")[0]
        + "\n\nThe rest does not fit into a comment: see the files of the workflow's run.\n"
    )


def gate(reviews: Sequence[Review], approved: bool) -> list[str]:
    """Why the pull request must not be merged as it is; empty: it may."""
    found = [
        f"Stack {review.stack}: the preview failed.\n{review.complaints[0]}"
        for review in reviews
        if review.complaints
    ]
    found += [
        f"Stack {review.stack}: what teams gain and lose is not known."
        for review in reviews
        if review.changes is None
    ]
    if not approved:
        found += [
            f"Stack {review.stack} {_lets(change)} more out: {change.text}"
            for review in reviews
            for change in review.widenings
        ]
        if any(review.widenings for review in reviews):
            found.append(
                f"Somebody who may approve that sets the label {APPROVAL}. A new push takes the label away "
                "again."
            )
    return found


def _verdict(reviews: Sequence[Review], approved: bool) -> Iterator[str]:
    failed = [review.stack for review in reviews if review.complaints]
    wider = sum(len(review.widenings) for review in reviews)
    if failed:
        yield f"**The preview of {_listed(failed)} failed.**"
        yield ""
    if wider:
        answer = "approved by label" if approved else f"it needs the label `{APPROVAL}`"
        unknown = all(change.risk == NOT_JUDGED for review in reviews for change in review.widenings)
        verb = "may let" if unknown else "lets" if wider == 1 else "let"
        yield f"**{wider} {'change' if wider == 1 else 'changes'} {verb} more out: {answer}.**"
        yield ""
    elif not failed and not any(review.changes for review in reviews):
        yield "Nobody can reach more or less than before."
        yield ""
    elif not failed:
        yield "Nothing lets more out than before."
        yield ""


def _stacks(reviews: Sequence[Review]) -> Iterator[str]:
    for review in reviews:
        yield f"### Stack {plain(review.stack)}"
        yield ""
        for complaint in review.complaints:
            yield "Pulumi says:"
            yield ""
            yield from _quoted(complaint)
            yield ""
        if review.changes is None:
            yield "What teams gain and lose was not worked out."
        elif review.changes:
            yield from (_sentence(change) for change in review.changes)
        else:
            yield "Who may reach what stays as it is."
        yield ""
        yield from _resources(review)
        yield ""


def _sentence(change: Change) -> str:
    about = ", ".join(
        filter(None, [f"**{_lets(change)} more out**" if change.widening else "", plain(change.risk)])
    )
    return f"- {plain(change.text)}" + (f" ({about})" if about else "")


def _lets(change: Change) -> str:
    """What is not judged may do anything."""
    return "may let" if change.risk == NOT_JUDGED else "lets"


def _resources(review: Review) -> Iterator[str]:
    if not review.steps:
        yield f"Pulumi: nothing to do, {review.unchanged} unchanged."
        return
    yield "<details>"
    yield f"<summary>Pulumi: {_counted(review)}</summary>"
    yield ""
    yield "| | Resource | Type | Differs in |"
    yield "|---|---|---|---|"
    ranked = sorted(review.steps, key=lambda step: (_rank(step), step.name))
    for step in ranked[:SHOWN]:
        differs = ", ".join(f"`{_code(field)}`" for field in step.fields[:8]) + (
            ", ..." if len(step.fields) > 8 else ""
        )
        yield (
            f"| {_MEANING.get(step.operation, plain(step.operation))} | `{_code(step.name)}` | "
            f"{plain(step.type)} | {differs} |"
        )
    if len(ranked) > SHOWN:
        yield ""
        yield f"... and {len(ranked) - SHOWN} more."
    yield ""
    yield "</details>"


def _counted(review: Review) -> str:
    counts = Counter(step.operation for step in sorted(review.steps, key=_rank))
    return ", ".join(
        [*(f"{count} to {plain(name)}" for name, count in counts.items()), f"{review.unchanged} unchanged"]
    )


def _rank(step: Step) -> int:
    return _ORDER.index(step.operation) if step.operation in _ORDER else len(_ORDER)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(plain(name) for name in names)


def plain(text: str) -> str:
    """Text of the pull request's author as plain text: no markup, no link, nobody mentioned, one line, no
    table broken."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+!|~<>&])", r"\\\1", " ".join(text.split()))
    return escaped.replace("@", "@\u200b").replace("://", ":\u200b//")


def _code(text: str) -> str:
    """Text for between backticks inside a table."""
    return " ".join(text.split()).replace("`", "'").replace("|", "\\|")


def _quoted(text: str) -> Iterator[str]:
    """As a code block, whose fence is longer than any within."""
    clean = re.sub(r"\x1b\[[0-9;]*m|<\{%[^%]*%\}>", "", text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", clean)), default=0))
    yield f"{fence}text"
    yield from clean.splitlines()
    yield fence
