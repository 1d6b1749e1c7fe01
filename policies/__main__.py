"""The policy pack, `pulumi preview --policy-pack policies`: each rule of egress_policies is a policy that
stops the update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from egress_policies import RULES, UNKNOWN, Resource, Rule
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError


def plain(value: Any) -> Any:
    """The SDK's value as an ordinary one, UNKNOWN in place of what the SDK would raise for."""
    if isinstance(value, Mapping):
        return {key: _taken(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_taken(value, index) for index in range(len(value))]
    return value


def _taken(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def resource(args: Any) -> Resource:
    """What a rule sees of one resource. `args`: the SDK's ResourceValidationArgs or PolicyResource."""
    provider = plain(args.provider.props) if args.provider else {}
    return Resource(
        args.resource_type, args.name, args.urn, plain(args.props), bool(args.opts.protect), provider
    )


def policy(rule: Rule) -> Policy:
    schema = {
        name: {
            "type": "array",
            "items": {"type": "string"},
            "default": list(setting.default),
            "description": setting.description,
        }
        for name, setting in rule.settings.items()
    }
    config = PolicyConfigSchema(schema) if schema else None

    def of_one(args: ResourceValidationArgs, report: ReportViolation) -> None:
        assert rule.of_one
        for violation in rule.of_one(resource(args), rule.configured(plain(args.get_config()))):
            report(violation)

    def of_all(args: StackValidationArgs, report: ReportViolation) -> None:
        assert rule.of_all
        resources = [resource(item) for item in args.resources]
        for what, violation in rule.of_all(resources, rule.configured(plain(args.get_config()))):
            report(violation, what.urn if what else None)

    if rule.of_one:
        return ResourceValidationPolicy(rule.name, rule.description, validate=of_one, config_schema=config)
    return StackValidationPolicy(rule.name, rule.description, validate=of_all, config_schema=config)


PolicyPack("gke-mesh-egress", [policy(rule) for rule in RULES], EnforcementLevel.MANDATORY)
