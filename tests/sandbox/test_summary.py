"""The table after a deployment: who may reach what."""

from __future__ import annotations

from sandbox import summary


def test_the_table_says_who_reaches_what() -> None:
    ways = [
        {"host": "b.example", "protocol": "https", "leaves": "https"},
        {
            "host": "a.example",
            "protocol": "http",
            "leaves": "https",
            "methods": ["GET"],
            "paths": ["/ok"],
        },
    ]
    contract = {
        "contract": 1,
        "teams": {"x": {"egress": ways, "reaches": ["y"]}, "y": {"egress": ways[:1]}, "z": {}},
    }
    assert summary.who_reaches_what(contract) == [
        ("team", "target", "by", "what"),
        ("x", "a.example", "http, leaves as https", "GET /ok"),
        ("", "b.example", "https", "everything"),
        ("", "pods of y", "the mesh", "every port"),
        ("y", "b.example", "https", "everything"),
        ("z", "nothing", "", ""),
    ]
    assert summary.who_reaches_what({"something": "else"}) == []


def test_rules_that_passthrough_makes_void_are_called_so_and_plain_text_is_loud() -> None:
    ways = [
        {"host": "a.example", "protocol": "http", "leaves": "http", "paths": ["/ok"]},
        {"host": "a.example", "protocol": "https", "leaves": "https"},
    ]
    rows = summary.who_reaches_what({"teams": {"x": {"egress": ways}}})
    assert rows[1] == (
        "x",
        "a.example",
        "http, leaves UNENCRYPTED",
        "/ok (void: https passes everything)",
    )


def test_partners_are_in_it_and_the_most_open_team_comes_first() -> None:
    received = {
        "b": {
            "mysql": {
                "host": "mysql.example",
                "port": 13306,
                "protocol": "tcp",
                "clients": {"one": "client.example"},
            }
        }
    }
    past = {"model": "open", "reason": "moves in", "ports": [80, 443]}
    contract = {"teams": {"b": {}, "lab": {"pastGateway": past}}, "ingress": {"receives": received}}
    assert summary.who_reaches_what(contract)[1:] == [
        ("lab", "ANY HOST", "tcp 80, 443", "everything, past every gateway: moves in"),
        ("b", "mysql, from outside", "tcp 13306", "mysql.example for client.example"),
    ]


def test_hosts_of_googles_are_in_it() -> None:
    contract = {"teams": {"builds": {"googleHosts": ["europe-python.pkg.dev"]}}}
    assert summary.who_reaches_what(contract)[1:] == [
        ("builds", "europe-python.pkg.dev", "https, to Google", "everything that IAM allows"),
    ]


def test_many_teams_are_counted() -> None:
    ways = [{"host": f"{letter}.example", "protocol": "https", "leaves": "https"} for letter in "abcdefgh"]
    contract = {"teams": {f"team-{number}": {"egress": ways} for number in range(60)}}
    rows = summary.who_reaches_what(contract)
    assert len(rows) == 61
    assert rows[1] == ("team-0", "8", "")
    assert max(len("  ".join(row)) for row in rows) < 80
