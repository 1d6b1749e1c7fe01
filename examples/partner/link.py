"""What one stack's config must say about its partner, read from the partner's outputs on standard input.

    pulumi stack output --json -s server | python link.py egress --team orders --name mysql \
        --port 3306 --service-account mysql-client --credential client-credential
    pulumi stack output --json -s client | python link.py ingress

prints the part of the config as YAML, to be reviewed and put into the stack's file. Nothing secret is in it.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import yaml

CONTRACT = 1


class Unusable(Exception):
    """The partner's outputs do not hold what is asked for; the message says what and what to do."""


def contract(outputs: dict[str, Any]) -> dict[str, Any]:
    """The partner's contract, if it is the version that this program was written for."""
    found = outputs.get("egress")
    if not isinstance(found, dict):
        raise Unusable(
            "There is no output `egress`: give the JSON of all outputs of a stack of gke-mesh-egress."
        )
    if found.get("contract") != CONTRACT:
        raise Unusable(
            f"The partner speaks contract {found.get('contract')}, this program {CONTRACT}: read its "
            "CHANGELOG."
        )
    return found


def ingress(outputs: dict[str, Any]) -> dict[str, Any]:
    """The server's source ranges: the addresses from which the client's gateway connects."""
    addresses = contract(outputs)["gateway"]["addresses"]
    if not addresses:
        raise Unusable(
            "The client has no reserved address, so it may connect from another one tomorrow: set "
            "network.nat.addresses there."
        )
    return {
        "gke-mesh-egress:ingress": {
            "sourceRanges": {name: f"{ip}/32" for name, ip in sorted(addresses.items())}
        }
    }


def egress(
    outputs: dict[str, Any], team: str, name: str, port: int, accounts: list[str], credential: str
) -> dict[str, Any]:
    """The client's entry for one thing that the server's team receives; `port` is what the client's apps
    connect to."""
    there = contract(outputs).get("ingress")
    if there is None:
        raise Unusable("No team of the partner receives anything.")
    known = [
        f"{of} {what}" for of, received in sorted(there["receives"].items()) for what in sorted(received)
    ]
    try:
        wanted = there["receives"][team][name]
    except KeyError:
        raise Unusable(
            f"The partner receives no {name!r} for team {team!r}; it receives: {', '.join(known)}."
        ) from None
    if there["exposure"] != "external":
        raise Unusable(
            "The partner's address is one of its own network: a gateway connects to public addresses only."
        )
    if wanted["protocol"] != "tcp":
        raise Unusable(f"{name} is HTTP: declare {wanted['host']} with http: {{upgrade: mtls}} instead.")
    way = {
        "port": port,
        "outsidePort": int(wanted["port"]),
        "addresses": [there["address"]],
        "serviceAccounts": accounts,
        "upgrade": "mtls",
        "credential": credential,
    }
    return {"egress": {wanted["host"]: {"tcp": way}}}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sides = parser.add_subparsers(dest="side", required=True)
    sides.add_parser("ingress", help="from the client's outputs, for the server's config")
    client = sides.add_parser("egress", help="from the server's outputs, for a team of the client's config")
    client.add_argument("--team", required=True, help="the server's team")
    client.add_argument("--name", required=True, help="what it receives")
    client.add_argument("--port", type=int, required=True, help="what the client's apps connect to")
    client.add_argument(
        "--service-account", action="append", required=True, help="of the client's team; may be repeated"
    )
    client.add_argument("--credential", required=True, help="Secret in the client's istio-egress")
    words = parser.parse_args()
    try:
        outputs = json.load(sys.stdin)
        if words.side == "ingress":
            part = ingress(outputs)
        else:
            part = egress(
                outputs, words.team, words.name, words.port, words.service_account, words.credential
            )
    except json.JSONDecodeError as error:
        print(f"Standard input is not JSON: {error}", file=sys.stderr)
        return 1
    except Unusable as error:
        print(error, file=sys.stderr)
        return 1
    print(yaml.safe_dump(part, sort_keys=False), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
