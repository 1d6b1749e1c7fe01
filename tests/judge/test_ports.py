"""What a proxy reads of a port. Source: Istio, "Protocol Selection"; Kubernetes, Service (`appProtocol`)."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.model.ports import AUTO, Port, of_service, protocol_of


@pytest.mark.parametrize(
    ("names", "read"),
    [
        ("HTTP HTTP2 GRPC GRPC-WEB HTTP_PROXY http gRPC-Web http_proxy", "HTTP"),
        ("HTTPS TLS https tls", "TLS"),
        ("TCP MONGO REDIS MYSQL tcp mysql", "TCP"),
        ("UDP SCTP HTTP3 HTTP- -HTTP GRPCWEB POSTGRES", AUTO),
    ],
)
def test_is_a_matter_of_the_protocol_that_istio_is_told(names: str, read: str) -> None:
    assert {name: protocol_of(name) for name in names.split()} == dict.fromkeys(names.split(), read)


def test_without_a_protocol_it_goes_by_what_is_sent() -> None:
    assert protocol_of("") == AUTO


@pytest.mark.parametrize(
    ("port", "read"),
    [
        ({"name": "http"}, "HTTP"),
        ({"name": "http-web"}, "HTTP"),
        ({"name": "HTTP-web"}, "HTTP"),
        ({"name": "httpweb"}, AUTO),
        ({"name": "web-http"}, AUTO),
        ({"name": "grpc-web"}, "HTTP"),
        ({"name": "grpc-web-a"}, "HTTP"),
        ({"name": "GRPC-WEB"}, "HTTP"),
        ({"name": "grpc-webs"}, "HTTP"),
        ({"name": "a-grpc-web"}, AUTO),
        ({"name": "grpc-a"}, "HTTP"),
        ({"name": "tls-a"}, "TLS"),
        ({"name": "mysql"}, "TCP"),
        ({}, AUTO),
        ({"name": "http", "appProtocol": "tcp"}, "TCP"),
        ({"name": "tcp", "appProtocol": "http"}, "HTTP"),
        ({"name": "tcp", "appProtocol": "kubernetes.io/h2c"}, "HTTP"),
        ({"name": "tcp", "appProtocol": "kubernetes.io/ws"}, "HTTP"),
        ({"name": "tcp", "appProtocol": "kubernetes.io/wss"}, "TLS"),
        ({"name": "tcp", "appProtocol": "kubernetes.io/other"}, AUTO),
        ({"name": "tcp", "appProtocol": "https-a"}, "TLS"),
        ({"name": "tcp", "appProtocol": "grpc-web"}, "HTTP"),
        ({"name": "tcp", "appProtocol": None}, "TCP"),
        ({"name": "kubernetes.io/h2c"}, AUTO),
    ],
)
def test_of_a_service_is_a_matter_of_its_app_protocol_else_of_its_name(
    port: dict[str, Any], read: str
) -> None:
    assert of_service({"port": 80, **port}).protocol == read


@pytest.mark.parametrize(
    ("number", "read"), [(25, "TCP"), (53, "TCP"), (3306, "TCP"), (27017, "TCP"), (80, AUTO), (443, AUTO)]
)
def test_of_a_service_without_a_protocol_is_a_matter_of_its_number(number: int, read: str) -> None:
    """Of ports where the server speaks first the proxy does not wait for the client."""
    assert of_service({"port": number}).protocol == read
    assert of_service({"port": number, "name": "http"}).protocol == "HTTP"


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [(None, Port(80, "HTTP", 80)), (8080, Port(80, "HTTP", 8080)), ("web", Port(80, "HTTP", 80, "web"))],
)
def test_leads_to_the_pods_port_by_its_number_or_name(target: int | str | None, leads_to: Port) -> None:
    assert of_service({"port": 80, "name": "http", "targetPort": target}) == leads_to
