"""Who owns which field, when the program that created an object goes on to apply it."""

from __future__ import annotations

from typing import Any

from sandbox.kubernetes.ownership import by_apply, created

ME, OTHER = "pulumi-kubernetes", "console"


def entry(manager: str, operation: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


def test_who_created_an_object_is_told_from_who_applied_it() -> None:
    mine, status = entry(ME, "Update", {"f:spec": {}}), entry(ME, "Update", {}, subresource="status")
    assert created({"managedFields": [entry(OTHER, "Update", {}), mine]}, ME)
    assert not created({"managedFields": [entry(OTHER, "Update", {}), entry(ME, "Apply", {}), status]}, ME)
    assert not created({}, ME)


def test_what_was_created_is_held_by_apply() -> None:
    theirs = entry(OTHER, "Update", {"f:spec": {"f:b": {}}})
    found = by_apply({"managedFields": [entry(ME, "Update", {"f:spec": {"f:a": {}}}), theirs]}, ME)
    assert found == [theirs, entry(ME, "Apply", {"f:spec": {"f:a": {}}})]


def test_it_joins_what_is_applied_already() -> None:
    created = entry(ME, "Update", {"f:spec": {"f:a": {}}})
    applied = entry(ME, "Apply", {"f:spec": {"f:b": {}}, "f:data": {}})
    found = by_apply({"managedFields": [created, applied]}, ME)
    assert found == [entry(ME, "Apply", {"f:spec": {"f:a": {}, "f:b": {}}, "f:data": {}})]


def test_nothing_is_to_do_where_it_is_so_already() -> None:
    status = entry(ME, "Update", {"f:status": {}}, subresource="status")
    assert by_apply({"managedFields": [entry(ME, "Apply", {"f:spec": {}}), status]}, ME) is None
    assert by_apply({"managedFields": [entry(OTHER, "Update", {"f:spec": {}})]}, ME) is None
    assert by_apply({}, ME) is None


def test_what_kubectl_set_is_taken_over_by_whatever_command_and_goes_with_the_next_update() -> None:
    applied = entry(ME, "Apply", {"f:spec": {"f:a": {}}})
    edited = entry("kubectl-edit", "Update", {"f:spec": {"f:b": {}}})
    forced = entry("kubectl", "Apply", {"f:spec": {"f:c": {}}})
    theirs, status = (
        entry(OTHER, "Update", {"f:spec": {"f:d": {}}}),
        entry("kubectl-edit", "Update", {"f:status": {}}, subresource="status"),
    )
    found = by_apply({"managedFields": [applied, edited, forced, theirs, status]}, ME)
    assert found == [theirs, status, entry(ME, "Apply", {"f:spec": {"f:a": {}, "f:b": {}, "f:c": {}}})]
