"""Addresses, names and prefixes as a person gives them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.setting_values import (
    parse_absolute_path,
    parse_cpu_list,
    parse_kubelet_address,
    parse_label_prefix,
    parse_namespaces,
    parse_resources,
    some_of,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.7", "10.0.0.7:10250"),
        ("10.0.0.7:443", "10.0.0.7:443"),
        ("fd00::7", "[fd00::7]:10250"),
        ("[fd00::7]", "[fd00::7]:10250"),
        ("[fd00::7]:443", "[fd00::7]:443"),
        ("node-1.example", "node-1.example:10250"),
    ],
)
def test_a_kubelet_has_its_own_port_unless_told_otherwise(text: str, address: str) -> None:
    assert parse_kubelet_address(text) == address


@pytest.mark.parametrize("text", ["", ":1", "a b", "10.0.0.7:0", "10.0.0.7:65536", "a/b", "[x]", "h:1:2"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected an address"):
        parse_kubelet_address(text)


@given(st.ip_addresses())
def test_every_ip_address_is_one(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    host, _, port = parse_kubelet_address(str(address)).rpartition(":")
    assert (ipaddress.ip_address(host.strip("[]")), port) == (address, "10250")


def test_cpus_are_put_in_order() -> None:
    assert parse_cpu_list("8,0-1,2") == "0-2,8"
    for text in ("", "x", "3-1"):
        with pytest.raises(ValueError, match="expected a list of CPUs"):
            parse_cpu_list(text)


def test_names_are_put_in_order_each_once() -> None:
    assert parse_resources("memory, example.com/gpu,memory") == ("example.com/gpu", "memory")
    assert parse_namespaces("b,a") == ("a", "b")
    for text in ("", "a,,b", "/gpu", "a b", "example.com/"):
        with pytest.raises(ValueError, match="expected names of resources"):
            parse_resources(text)
    with pytest.raises(ValueError, match="expected names of namespaces"):
        parse_namespaces("Upper")


def test_a_prefix_ends_with_its_slash() -> None:
    assert parse_label_prefix("numascope.dev/") == parse_label_prefix("numascope.dev") == "numascope.dev/"
    for text in ("", "/", "a/b", "Upper.dev"):
        with pytest.raises(ValueError, match="expected a DNS name"):
            parse_label_prefix(text)


def test_a_path_begins_with_a_slash_and_does_not_end_with_one() -> None:
    assert (
        parse_absolute_path("/var/lib/kubelet/")
        == parse_absolute_path("/var/lib/kubelet")
        == "/var/lib/kubelet"
    )
    for text in ("", "/", "//", "var/lib"):
        with pytest.raises(ValueError, match="expected a path"):
            parse_absolute_path(text)


def test_some_of_a_few_words_stand_in_their_own_order_and_off_is_none() -> None:
    parse = some_of("nrt", "numatopology")
    assert parse("numatopology, nrt") == ("nrt", "numatopology")
    assert (parse("nrt"), parse("off")) == (("nrt",), ())
    for text in ("", "nrt,off", "nrt,", "other"):
        with pytest.raises(ValueError, match="expected nrt or numatopology"):
            parse(text)
