"""Addresses that nothing tells apart are asked about once: each set of ranges has one address in it that
stands for all."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from egress.judge.model.address_classes import AddressClass, address_classes


def told(*cidrs: str) -> list[tuple[str, str, str]]:
    return [(one.address, one.block, one.within) for one in address_classes(cidrs)]


REST = ("0.0.0.0", "0.0.0.0/5", "")
SIXTH = ("::", "::/0", "")


@pytest.mark.parametrize(
    ("cidrs", "classes"),
    [
        # Where no range is named there is IPv4 and IPv6.
        ([], [("0.0.0.0", "0.0.0.0/0", ""), SIXTH]),
        (["0.0.0.0/0"], [("0.0.0.0", "0.0.0.0/0", ""), SIXTH]),
        (["::/0", "0.0.0.0/0"], [("0.0.0.0", "0.0.0.0/0", ""), SIXTH]),
        # One range: inside and outside, on whichever side of it.
        (["10.0.0.0/8"], [REST, ("10.0.0.0", "10.0.0.0/8", "10.0.0.0/8"), SIXTH]),
        (["0.0.0.0/8"], [("0.0.0.0", "0.0.0.0/8", "0.0.0.0/8"), ("1.0.0.0", "1.0.0.0/8", ""), SIXTH]),
        (["10.0.0.5"], [REST, ("10.0.0.5", "10.0.0.5", "10.0.0.5"), SIXTH]),
        # One in another: the smaller one gives the class its name.
        (
            ["10.0.0.0/8", "10.0.0.0/24"],
            [
                REST,
                ("10.0.0.0", "10.0.0.0/24", "10.0.0.0/24"),
                ("10.0.1.0", "10.0.1.0/24", "10.0.0.0/8"),
                SIXTH,
            ],
        ),
        (
            ["10.1.0.0/24", "10.0.0.0/8"],
            [
                REST,
                ("10.0.0.0", "10.0.0.0/16", "10.0.0.0/8"),
                ("10.1.0.0", "10.1.0.0/24", "10.1.0.0/24"),
                SIXTH,
            ],
        ),
        # Beside one another, and apart.
        (
            ["10.0.0.0/9", "10.128.0.0/9"],
            [
                REST,
                ("10.0.0.0", "10.0.0.0/9", "10.0.0.0/9"),
                ("10.128.0.0", "10.128.0.0/9", "10.128.0.0/9"),
                SIXTH,
            ],
        ),
        (
            ["10.0.0.0/24", "192.168.0.0/16"],
            [
                REST,
                ("10.0.0.0", "10.0.0.0/24", "10.0.0.0/24"),
                ("192.168.0.0", "192.168.0.0/16", "192.168.0.0/16"),
                SIXTH,
            ],
        ),
        # Each version by itself.
        (
            ["2001:db8::/32"],
            [
                ("0.0.0.0", "0.0.0.0/0", ""),
                ("::", "::/3", ""),
                ("2001:db8::", "2001:db8::/32", "2001:db8::/32"),
            ],
        ),
        (["::1"], [("0.0.0.0", "0.0.0.0/0", ""), ("::", "::", ""), ("::1", "::1", "::1")]),
        (["255.255.255.255"], [("0.0.0.0", "0.0.0.0/1", ""), ("255.255.255.255",) * 3, SIXTH]),
    ],
)
def test_each_set_of_ranges_has_one_address_that_stands_for_it(
    cidrs: list[str], classes: list[tuple[str, str, str]]
) -> None:
    assert told(*cidrs) == classes
    assert told(*reversed(cidrs)) == classes


def test_what_lies_behind_a_range_is_the_same_as_before_it() -> None:
    """However far apart, addresses in the same ranges are one class."""
    assert [one[2] for one in told("10.0.0.0/8", "10.1.0.0/16")] == ["", "10.0.0.0/8", "10.1.0.0/16", ""]


def test_the_last_address_of_a_range_is_in_it_and_the_next_is_not() -> None:
    found = told("10.0.0.0/30", "10.0.0.4/32")
    assert [one[0] for one in found] == ["0.0.0.0", "10.0.0.0", "10.0.0.4", "::"]
    assert found[1] == ("10.0.0.0", "10.0.0.0/30", "10.0.0.0/30")


def test_of_two_ranges_of_one_size_either_names_the_class() -> None:
    assert {one[2] for one in told("10.0.0.1/32", "10.0.0.1")} in ({"", "10.0.0.1"}, {"", "10.0.0.1/32"})


@pytest.mark.parametrize(
    "written", ["", "any", "10.0.0.0/33", "10.0.0.256", "10.0.0.0/8,10.0.0.0/9", "example.com"]
)
def test_what_is_no_range_tells_nothing_apart(written: str) -> None:
    assert told(written, "10.0.0.0/8") == told("10.0.0.0/8")


def test_a_range_may_be_written_by_any_address_in_it() -> None:
    assert told("10.1.2.3/8") == [REST, ("10.0.0.0", "10.0.0.0/8", "10.1.2.3/8"), SIXTH]


RANGES = (
    *(
        "10.0.0.0/8",
        "10.255.0.0/16",
        "10.4.0.0/14",
        "10.4.3.0/24",
        "10.4.3.7",
        "10.4.3.0/25",
        "192.168.0.0/16",
    ),
    *("fd00::/8", "fd00::1", "0.0.0.0/0"),
)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "0.0.0.1",
            "9.255.255.255",
            "10.0.0.1",
            "10.3.255.255",
            "10.4.0.0",
            "10.4.2.9",
            "10.4.3.6",
            "10.4.3.7",
            "10.4.3.8",
        ),
        *("10.4.3.127", "10.4.3.128", "10.7.255.255", "10.8.0.0", "10.254.1.1"),
        *("10.255.255.255", "11.0.0.0", "192.168.3.3", "255.255.255.255"),
        *("::1", "fd00::", "fd00::1", "fd00::2", "fdff::1", "fe00::", "ffff::"),
    ],
)
def test_every_address_is_stood_for_by_one_in_the_same_ranges_and_whose_block_is_all_of_the_class(
    address: str,
) -> None:
    found = [one for one in address_classes(RANGES) if _ranges(one.address) == _ranges(address)]
    assert len(found) == 1
    block = ip_network(found[0].block)
    assert {_ranges(str(block[0])), _ranges(str(block[-1]))} == {_ranges(address)}
    sizes = {cidr: ip_network(cidr).num_addresses for cidr in _ranges(address)[1] if "/0" not in cidr}
    assert found[0].within == min(sizes, key=lambda cidr: sizes[cidr], default="")


def _ranges(address: str) -> tuple[int, frozenset[str]]:
    parsed = ip_address(address)
    return parsed.version, frozenset(cidr for cidr in RANGES if parsed in ip_network(cidr))


def test_a_class_says_the_first_address_its_block_and_the_range_as_somebody_wrote_it() -> None:
    assert address_classes(["10.0.0.0/8"])[1] == AddressClass("10.0.0.0", "10.0.0.0/8", "10.0.0.0/8")
