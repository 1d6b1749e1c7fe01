"""Metrics made of log entries, and alerts on them (logging.googleapis.com, monitoring.googleapis.com)."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.google import checks
from sandbox.google.kinds import Kind, Problem, Values, never_changes, number, walk

METRIC = "gcp:logging/metric:Metric"
ALERT = "gcp:monitoring/alertPolicy:AlertPolicy"

_SECONDS = checks.pattern(r"^\d+s$", "a duration is a number of seconds like 300s")


def _conditions(values: Values) -> Iterator[Problem]:
    names = [name for _, name in walk(values, "conditions.*.displayName")]
    if len(set(map(str, names))) < len(names):
        yield Problem(
            "conditions",
            names,
            "two conditions of one policy share a name, and an incident would not say which it is",
        )
    for at, duration in walk(values, "conditions.*.conditionThreshold.duration"):
        if str(duration).endswith("s") and str(duration)[:-1].isdigit() and int(str(duration)[:-1]) % 60:
            yield Problem(at, duration, "it must be a multiple of 60s")


METRIC_KIND = Kind(
    token=METRIC,
    schema="logging.Metric",
    id=lambda values: str(values["name"]),
    api="logging.googleapis.com",
    autoname_length=100,
    checks={
        "metricDescriptor.metricKind": checks.one_of("DELTA", "GAUGE", "CUMULATIVE"),
        "metricDescriptor.valueType": checks.one_of(
            "BOOL", "INT64", "DOUBLE", "STRING", "DISTRIBUTION", "MONEY"
        ),
    },
    replaces=never_changes("name", "project", "bucketName"),
)

ALERT_KIND = Kind(
    token=ALERT,
    schema="monitoring.AlertPolicy",
    id=lambda values: f"projects/{values['project']}/alertPolicies/{number(str(values['displayName']), 19)}",
    api="monitoring.googleapis.com",
    autoname="",
    checks={
        "combiner": checks.one_of("AND", "OR", "AND_WITH_MATCHING_RESOURCE"),
        "conditions.*.conditionThreshold.comparison": checks.one_of("COMPARISON_GT", "COMPARISON_LT"),
        "conditions.*.conditionThreshold.duration": _SECONDS,
        "conditions.*.conditionThreshold.aggregations.*.alignmentPeriod": _SECONDS,
    },
    rules=(_conditions,),
    defaults={"enabled": True},
    replaces=never_changes("project"),
    computed=lambda context: {"name": context.id, "creationRecords": []},
)


KINDS = (METRIC_KIND, ALERT_KIND)
