"""DestinationRules as sidecars follow them, one rule of Istio's reference after the other.

Every answer is that of Istio 1.30's own control plane about the same objects, or "not understood".
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.judge.asking import (
    BANK,
    REFUSED,
    ROOT,
    SHOP,
    TLS,
    UNREAD,
    Written,
    entry,
    mesh,
    rule,
    service,
    sidecar_says,
    sidecar_verdict,
    to,
    virtual,
)

ENDS = tuple(entry(name) for name in ("a.example", "b.example", "c.example"))
STRAIGHT = "a.example:80"


class TestWhichDestinationRuleCounts:
    def says(self, *rules: Written, namespace: str = SHOP, host: Written | None = None, **how: Any) -> str:
        return sidecar_says(
            "http://a.example", host or entry("a.example", BANK), *rules, namespace=namespace, **how
        )

    @staticmethod
    def as_(name: str) -> Written:
        return {"mode": "SIMPLE", "sni": name}

    def test_that_of_the_clients_namespace_then_of_the_hosts_then_of_the_root(self) -> None:
        own, hosts, root = (rule(home, "a.example", tls=self.as_(home)) for home in (SHOP, BANK, ROOT))
        for order in ((own, hosts, root), (root, hosts, own)):
            assert self.says(*order) == f"a.example:80 TLS as {SHOP}"
        assert self.says(root, hosts) == f"a.example:80 TLS as {BANK}"
        assert self.says(root) == f"a.example:80 TLS as {ROOT}"

    def test_that_of_any_other_namespace_is_nobodys(self) -> None:
        assert self.says(rule("till", "a.example", tls=self.as_("till"))) == STRAIGHT

    def test_the_first_namespace_that_has_one_decides_alone(self) -> None:
        own, hosts = rule(SHOP, "a.example"), rule(BANK, "a.example", tls=self.as_("bank"))
        assert self.says(own, hosts) == STRAIGHT

    @pytest.mark.parametrize(
        ("to_whom", "counts"),
        [(["."], False), (["*"], True), ([SHOP], True), (["till"], False), ([BANK], False)],
    )
    def test_that_of_the_host_counts_for_those_that_it_is_exported_to(
        self, to_whom: list[str], counts: bool
    ) -> None:
        says = self.says(rule(BANK, "a.example", tls=self.as_("bank"), exportTo=to_whom))
        assert says == ("a.example:80 TLS as bank" if counts else STRAIGHT)

    def test_one_that_is_exported_elsewhere_is_not_the_namespaces_own(self) -> None:
        assert self.says(rule(SHOP, "a.example", tls=self.as_("shop"), exportTo=[BANK])) == STRAIGHT

    def test_by_the_meshs_default_it_is_the_namespaces_alone(self) -> None:
        hosts = rule(BANK, "a.example", tls=self.as_("bank"))
        assert self.says(hosts, mesh(defaultDestinationRuleExportTo=["."])) == STRAIGHT
        assert self.says(hosts, mesh(defaultDestinationRuleExportTo=["*"])) == "a.example:80 TLS as bank"

    def test_the_root_namespaces_own_proxies_take_what_it_keeps_for_itself_first(self) -> None:
        for_all = rule(ROOT, "a.example", name="all", tls=self.as_("all"))
        assert (
            self.says(for_all, rule(BANK, "a.example", tls=self.as_("bank")), namespace=ROOT)
            == "a.example:80 TLS as bank"
        )
        own = rule(ROOT, "a.example", name="own", tls=self.as_("own"), exportTo=["."])
        assert (
            self.says(own, rule(BANK, "a.example", tls=self.as_("bank")), namespace=ROOT)
            == "a.example:80 TLS as own"
        )

    def test_for_the_host_itself_before_a_pattern_and_a_closer_one_before_a_wider_one(self) -> None:
        exact, close, wide = (
            rule(SHOP, host, name=f"for{len(host)}", tls=self.as_(host))
            for host in ("a.b.test", "*.b.test", "*.test")
        )
        everything = rule(SHOP, "*", name="for-all", tls=self.as_("all.test"))
        host = entry("a.b.test", BANK)
        rules = [everything, wide, close, exact]
        for name in ("a.b.test", "*.b.test", "*.test", "all.test"):
            assert sidecar_says("http://a.b.test", host, *rules) == f"a.b.test:80 TLS as {name}"
            rules.pop()

    def test_a_pattern_of_the_clients_comes_before_the_hosts_own_name(self) -> None:
        rules = (rule(BANK, "a.example", tls=self.as_("bank")), rule(SHOP, "*.example", tls=self.as_("shop")))
        assert self.says(*rules) == "a.example:80 TLS as shop"

    def test_one_that_is_not_exported_hides_a_wider_one_beside_it(self) -> None:
        exact = rule(BANK, "a.example", tls=self.as_("exact"), exportTo=["till"])
        wide = rule(BANK, "*.example", name="wide", tls=self.as_("wide"))
        assert self.says(wide) == "a.example:80 TLS as wide"
        assert self.says(exact, wide) == STRAIGHT

    def test_a_name_without_a_dot_is_a_service_of_its_namespace(self) -> None:
        web = service("web", BANK, {"port": 80, "name": "http"})
        off = rule(BANK, "web", tls={"mode": "DISABLE"})
        assert sidecar_says("http://web.bank.svc.cluster.local", web, off) == "pods of bank:80"

    def test_of_two_in_one_namespace_which_counts_is_a_matter_of_their_age(self) -> None:
        one, two = (rule(BANK, "a.example", name=name, tls=self.as_(name)) for name in ("one", "two"))
        assert self.says(one, two) == UNREAD

    def test_one_for_some_pods_is_for_those_of_its_own_namespace(self) -> None:
        some = {"workloadSelector": {"matchLabels": {"app": "a"}}}
        assert self.says(rule(SHOP, "a.example", tls=self.as_("some"), **some)) == UNREAD
        assert self.says(rule(BANK, "a.example", tls=self.as_("some"), exportTo=["*"], **some)) == STRAIGHT

    def test_one_that_selects_every_pod_is_its_namespaces_alone_too(self) -> None:
        every: Written = {"workloadSelector": {"matchLabels": {}}}
        assert (
            self.says(rule(SHOP, "a.example", tls=self.as_("every"), **every)) == "a.example:80 TLS as every"
        )
        assert self.says(rule(BANK, "a.example", tls=self.as_("every"), **every)) == STRAIGHT


class TestTlsOfADestination:
    TOP, PORT, SUBSET = ({"mode": "SIMPLE", "sni": name} for name in ("top", "port", "subset"))

    def says(self, subset: str = "", **spec: Any) -> str:
        leads = virtual(SHOP, "a.example", http=[{"route": [to("a.example", 80, subset=subset)]}])
        return sidecar_says("http://a.example", *ENDS, leads, rule(SHOP, "a.example", **spec))

    @pytest.mark.parametrize(
        ("tls", "says"),
        [
            ({"mode": "DISABLE"}, STRAIGHT),
            ({}, STRAIGHT),
            ({"sni": "s"}, STRAIGHT),
            ({"mode": "SIMPLE"}, "a.example:80 TLS as None"),
            ({"mode": "SIMPLE", "sni": "s"}, "a.example:80 TLS as s"),
            ({"mode": "SIMPLE", "sni": "s", "caCertificates": "system"}, "a.example:80 TLS as s"),
            (
                {"mode": "MUTUAL", "sni": "s", "clientCertificate": "/c", "privateKey": "/k"},
                "a.example:80 TLS as s",
            ),
            ({"mode": "ISTIO_MUTUAL"}, "a.example:80 mesh as outbound_.80_._.a.example"),
            ({"mode": "ISTIO_MUTUAL", "sni": "s"}, "a.example:80 mesh as s"),
        ],
    )
    def test_modes(self, tls: Written, says: str) -> None:
        assert self.says(tls=tls) == says

    @pytest.mark.parametrize("mode", ["SIMPLE", "MUTUAL"])
    def test_a_secret_is_for_gateways_and_a_sidecar_opens_no_tls_by_it(self, mode: str) -> None:
        assert self.says(tls={"mode": mode, "sni": "s", "credentialName": "c"}) == STRAIGHT
        every: Written = {"workloadSelector": {"matchLabels": {}}}
        assert (
            self.says(tls={"mode": mode, "sni": "s", "credentialName": "c"}, **every)
            == "a.example:80 TLS as s"
        )
        assert (
            self.says(tls={"mode": mode, "sni": "s", "credentialName": "configmap://c"})
            == "a.example:80 TLS as s"
        )

    def test_settings_of_a_port_take_nothing_over(self) -> None:
        def port(number: int, **of: Any) -> Written:
            return {
                "trafficPolicy": {"tls": self.TOP, "portLevelSettings": [{"port": {"number": number}, **of}]}
            }

        assert self.says(**port(80, tls=self.PORT)) == "a.example:80 TLS as port"
        assert self.says(**port(443, tls=self.PORT)) == "a.example:80 TLS as top"
        assert self.says(**port(80, connectionPool={"tcp": {"maxConnections": 1}})) == STRAIGHT

    def test_a_subset_says_more_than_the_whole(self) -> None:
        whole = {"trafficPolicy": {"tls": self.TOP}}
        subset = {"name": "s", "trafficPolicy": {"tls": self.SUBSET}}
        assert self.says("s", **whole, subsets=[subset]) == "a.example:80 TLS as subset"
        assert self.says("", **whole, subsets=[subset]) == "a.example:80 TLS as top"
        assert self.says("s", **whole, subsets=[{"name": "s"}]) == "a.example:80 TLS as top"
        pools = {"name": "s", "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 1}}}}
        assert self.says("s", **whole, subsets=[pools]) == "a.example:80 TLS as top"

    def test_a_subset_comes_before_the_settings_of_a_port_of_the_whole(self) -> None:
        whole = {"trafficPolicy": {"portLevelSettings": [{"port": {"number": 80}, "tls": self.PORT}]}}
        assert self.says("s", **whole, subsets=[{"name": "s"}]) == "a.example:80 TLS as port"
        subset = {"name": "s", "trafficPolicy": {"tls": self.SUBSET}}
        assert self.says("s", **whole, subsets=[subset]) == "a.example:80 TLS as subset"

    def test_settings_of_a_port_of_the_subset_come_before_everything(self) -> None:
        level = {"port": {"number": 80}, "tls": self.PORT}
        subset = {"name": "s", "trafficPolicy": {"tls": self.SUBSET, "portLevelSettings": [level]}}
        assert self.says("s", trafficPolicy={"tls": self.TOP}, subsets=[subset]) == "a.example:80 TLS as port"
        subset["trafficPolicy"]["portLevelSettings"] = [{"port": {"number": 80}}]  # type: ignore[index]
        assert self.says("s", trafficPolicy={"tls": self.TOP}, subsets=[subset]) == STRAIGHT

    def test_a_subset_that_is_not_there_refuses(self) -> None:
        assert self.says("t", subsets=[{"name": "s"}]) == REFUSED
        leads = virtual(SHOP, "a.example", http=[{"route": [to("a.example", 80, subset="s")]}])
        assert sidecar_says("http://a.example", *ENDS, leads) == REFUSED

    def test_a_subset_of_a_rule_that_does_not_count_is_not_there(self) -> None:
        leads = virtual(SHOP, "a.example", http=[{"route": [to("a.example", 80, subset="s")]}])
        hosts = rule(BANK, "a.example", subsets=[{"name": "s"}])
        objects = (entry("a.example", BANK), leads, hosts)
        assert sidecar_says("http://a.example", *objects) == STRAIGHT
        assert sidecar_says("http://a.example", *objects, rule(SHOP, "a.example")) == REFUSED

    @pytest.mark.parametrize(
        ("tls", "verified", "trusts"),
        [
            (
                {"caCertificates": "system", "subjectAltNames": ["a.example"], "sni": "a.example"},
                ("a.example",),
                "system",
            ),
            ({"subjectAltNames": ["a.example"], "sni": "a.example"}, (), ""),
            ({"caCertificates": "system", "sni": "a.example"}, (), "system"),
            (
                {"caCertificates": "system", "subjectAltNames": ["b", "a.example"], "sni": "a.example"},
                ("a.example", "b"),
                "system",
            ),
            (
                {"caCertificates": "system", "subjectAltNames": ["a.example"], "sni": "b.example"},
                ("a.example",),
                "system",
            ),
            ({"caCertificates": "system", "subjectAltNames": ["a.example"]}, (), "system"),
            (
                {
                    "caCertificates": "system",
                    "subjectAltNames": ["a.example"],
                    "sni": "a.example",
                    "insecureSkipVerify": True,
                },
                (),
                "system",
            ),
        ],
    )
    def test_a_host_is_checked_by_the_names_that_are_asked_for_and_by_an_authority_that_is_named(
        self, tls: Written, verified: tuple[str, ...], trusts: str
    ) -> None:
        _, (sent,) = sidecar_verdict(
            "http://a.example", *ENDS, rule(SHOP, "a.example", tls={"mode": "SIMPLE", **tls})
        )
        assert (sent.verified, sent.trusts, sent.opens) == (verified, trusts, "SIMPLE")

    def test_without_tls_nobody_is_trusted(self) -> None:
        off = rule(SHOP, "a.example", tls={"mode": "DISABLE", "caCertificates": "system"})
        _, (sent,) = sidecar_verdict("http://a.example", *ENDS, off)
        assert (sent.opens, sent.trusts) == ("", "")

    def test_tls_in_tls_asks_for_the_name_of_the_rule(self) -> None:
        objects = (entry("a.example", SHOP, TLS), rule(SHOP, "a.example", tls=self.TOP))
        assert sidecar_says("tls://a.example", *objects) == "a.example:443 TLS as top"
