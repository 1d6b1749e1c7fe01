"""Label selectors, rule by rule. Source: Kubernetes, "Labels and Selectors" and LabelSelector (meta/v1)."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.model.selectors import Selector

WEB = {"app": "web", "tier": "front"}


def selector(*expressions: dict[str, Any], **labels: str) -> Selector:
    return Selector.of({"matchLabels": labels, "matchExpressions": list(expressions)})


def where(operator: str, *values: str, key: str = "app") -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


@pytest.mark.parametrize("empty", [None, {}, {"matchLabels": None}, {"matchExpressions": None}])
def test_an_empty_selector_selects_everything(empty: dict[str, Any] | None) -> None:
    chosen = Selector.of(empty)
    assert chosen.everything
    assert chosen.selects(WEB)
    assert chosen.selects({})
    assert chosen.can_select()
    assert not chosen.unknown


def test_every_label_has_to_be_there_with_its_value() -> None:
    assert selector(app="web").selects(WEB)
    assert selector(app="web", tier="front").selects(WEB)
    assert not selector(app="web", tier="back").selects(WEB)
    assert not selector(app="other").selects(WEB)
    assert not selector(app="web").selects({})
    assert not selector(app="web").everything


@pytest.mark.parametrize(
    ("expression", "labels", "selected"),
    [
        (where("In", "web", "shop"), {"app": "shop"}, True),
        (where("In", "web"), {"app": "bank"}, False),
        (where("In", "web"), {}, False),
        (where("NotIn", "web"), {"app": "bank"}, True),
        (where("NotIn", "web"), {"app": "web"}, False),
        (where("NotIn", "web"), {}, True),
        (where("Exists"), {"app": ""}, True),
        (where("Exists"), {"tier": "web"}, False),
        (where("DoesNotExist"), {"tier": "web"}, True),
        (where("DoesNotExist"), {"app": ""}, False),
    ],
)
def test_operators(expression: dict[str, Any], labels: dict[str, str], selected: bool) -> None:
    chosen = selector(expression)
    assert chosen.selects(labels) is selected
    assert not chosen.everything
    assert not chosen.unknown


def test_labels_and_every_expression_must_hold_together() -> None:
    both = selector(where("Exists", key="tier"), where("NotIn", "back", key="tier"), app="web")
    assert both.selects(WEB)
    assert not both.selects({"app": "web"})
    assert not both.selects({"app": "web", "tier": "back"})
    assert not both.selects({"app": "other", "tier": "front"})


@pytest.mark.parametrize(
    ("written", "unknown"),
    [
        ({"matchLabels": {"app": "bank"}, "matchFields": {}}, "matchFields"),
        ({"matchExpressions": [{"key": "app", "operator": "Gt", "values": ["1"]}]}, "operator Gt"),
        ({"matchExpressions": [{"key": "app"}]}, "operator missing"),
        ({"other": 1, "matchExpressions": [where("in", "web")]}, "other, operator in"),
        ({"matchExpressions": [where("In")]}, "values of operator In"),
        ({"matchExpressions": [where("NotIn")]}, "values of operator NotIn"),
        ({"matchExpressions": [where("Exists", "web")]}, "values of operator Exists"),
        ({"matchExpressions": [where("DoesNotExist", "web")]}, "values of operator DoesNotExist"),
    ],
)
def test_what_is_not_understood_may_select_anything(written: dict[str, Any], unknown: str) -> None:
    chosen = Selector.of(written)
    assert chosen.unknown == unknown
    assert chosen.selects(WEB)
    assert chosen.can_select()
    assert not chosen.everything


def test_an_expression_that_names_no_key_asks_for_no_label_that_there_is() -> None:
    assert Selector.of({"matchExpressions": [{"operator": "DoesNotExist"}]}).selects({"other": "x"})


def test_an_unknown_form_beside_a_contradiction_may_still_select() -> None:
    chosen = selector(where("Gt", "1"), where("DoesNotExist"), app="web")
    assert chosen.can_select()
    assert not Selector.of({"unknown": 1}).everything


@pytest.mark.parametrize(
    ("chosen", "possible"),
    [
        (selector(app="web"), True),
        (selector(where("NotIn", "web")), True),
        (selector(where("DoesNotExist")), True),
        (selector(where("DoesNotExist"), where("NotIn", "web")), True),
        (selector(where("Exists"), where("NotIn", "web")), True),
        (selector(where("Exists"), where("DoesNotExist")), False),
        (selector(where("In", "web"), where("DoesNotExist")), False),
        (selector(where("DoesNotExist"), app="web"), False),
        (selector(where("NotIn", "web"), app="web"), False),
        (selector(where("NotIn", "web"), app="bank"), True),
        (selector(where("In", "web"), where("NotIn", "web")), False),
        (selector(where("In", "web", "bank"), where("NotIn", "web")), True),
        (selector(where("In", "web", "bank"), where("In", "bank", "shop")), True),
        (selector(where("In", "web"), where("In", "bank")), False),
        (selector(where("In", "web"), app="web"), True),
        (selector(where("In", "web"), app="bank"), False),
        (selector(where("In", "web", "shop"), where("In", "bank", "shop"), where("NotIn", "shop")), False),
        # Another key's conditions are nothing to this one.
        (selector(where("DoesNotExist", key="tier"), app="web"), True),
        (selector(where("In", "x", key="tier"), where("NotIn", "x"), app="web"), True),
        (selector(where("Exists", key="tier"), where("DoesNotExist")), True),
        (selector(where("Exists"), where("In", "x", key="tier"), where("NotIn", "x", key="tier")), False),
    ],
)
def test_whether_any_labels_satisfy_it(chosen: Selector, possible: bool) -> None:
    assert chosen.can_select() is possible


@pytest.mark.parametrize(
    ("chosen", "labels"),
    [
        (selector(app="web"), {"app": "web"}),
        (selector(where("In", "web", "bank")), {"app": "bank"}),
        (selector(where("Exists", key="tier"), app="web"), {"app": "web", "tier": "any"}),
        (selector(where("In", "x"), app="web"), {"app": "web"}),
        (selector(where("NotIn", "web"), where("DoesNotExist", key="tier")), {}),
        (selector(), {}),
    ],
)
def test_labels_that_it_selects_are_those_that_have_to_be_there(
    chosen: Selector, labels: dict[str, str]
) -> None:
    assert chosen.example == labels
