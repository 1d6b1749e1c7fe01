"""The flows from outside that are asked: each class once, of two states the classes of both, and their
number grows in step with what is received."""

from __future__ import annotations

from egress.judge.inbound_targets import InboundKind, inbound_targets
from egress.judge.lookup.inbound_flow import InboundFlow
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.proof.snapshot import deployment
from tests.proof.inbound_stack import CLIENT, ORDERS, RANGES, objects, written
from tests.support import config_with, plan_of


def test_every_kind_is_asked_once_for_each_class() -> None:
    targets = list(inbound_targets(Judges(objects())))
    assert {target.kind for target in targets} == {*InboundKind} - {InboundKind.PAST_GATEWAY}
    assert len({repr(target.flow) for target in targets}) >= len(targets) - len(RANGES) * len(ORDERS)


def test_of_two_states_the_classes_of_both_are_asked() -> None:
    """A range, a client, a name and a port that only one of them has are asked of either."""
    other = Snapshot.of(
        [
            *(
                item
                for item in objects().kubernetes
                if identity(item) != "istio-ingress/gateway/orders-mysql"
            ),
            written(
                "Gateway",
                "istio-ingress",
                selector={"istio": "ingressgateway"},
                servers=[
                    {
                        "port": {"number": 13306, "name": "a", "protocol": "TLS"},
                        "hosts": ["new.fqdn.example"],
                        "tls": {
                            "mode": "MUTUAL",
                            "credentialName": "c",
                            "subjectAltNames": ["spiffe://new/x"],
                        },
                    }
                ],
            ),
        ],
        objects().google,
    )
    for sides in ((objects(), other), (other, objects())):
        flows = [target.flow for target in inbound_targets(*map(Judges, sides))]
        named = {(flow.host, flow.caller.name) for flow in flows if isinstance(flow, InboundFlow)}
        assert {("mysql.fqdn.example", CLIENT), ("new.fqdn.example", "spiffe://new/x")} <= named


def test_questions_are_linear_in_what_is_received() -> None:
    """Ten times the receptions, each with a client of its own: at most about ten times the questions."""

    def count(many: int) -> int:
        receives = {
            f"r{index}": {
                **ORDERS["mysql"],
                "host": f"h{index}.fqdn.example",
                "clients": {"a": f"spiffe://p{index}/x"},
            }
            for index in range(many)
        }
        config = config_with("teams", {"orders": {"receives": receives}})
        config["gke-mesh-egress:ingress"] = {"sourceRanges": RANGES}
        made = plan_of(config)
        return sum(1 for _ in inbound_targets(Judges(deployment(made, render(made)))))

    few, many = count(3), count(30)
    assert many - few <= 27 * 8
