"""Where settings come from, which source wins, and what is said of a wrong one."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import settings
from agent.settings import Address, Settings, SettingsError, flag_of, load, rows, variable_of
from tests.documents import settings_document

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEYS = [key for key, _ in rows()]


def parsed(*arguments: str) -> dict[str, object]:
    """Flags as the command line gives them."""
    parser = argparse.ArgumentParser()
    settings.add_arguments(parser, besides=frozenset())
    return vars(parser.parse_args(arguments))


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], str]:
    """Writes a settings file and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "numascope.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_without_any_source_the_defaults_hold() -> None:
    chosen = load(parsed(), {"NODE_NAME": "node-a"})
    assert chosen.listen == Address("127.0.0.1", 9787)
    assert (chosen.survey_period, chosen.log_format, chosen.hotplug) == (60.0, "text", "on")
    assert (chosen.host, chosen.node_name) == (None, "node-a")


def test_a_flag_beats_the_environment_which_beats_the_file(config: Callable[[str], str]) -> None:
    path = config("survey_period: 10s\nlog_level: debug\nlog_format: json\n")
    environ = {"NUMASCOPE_SURVEY_PERIOD": "20s", "NUMASCOPE_LOG_LEVEL": "error"}
    chosen = load(parsed("--config", path, "--survey-period", "30s"), environ)
    assert (chosen.survey_period, chosen.log_level, chosen.log_format) == (30.0, "error", "json")


def test_the_environment_may_name_the_file(config: Callable[[str], str]) -> None:
    assert load({}, {"NUMASCOPE_CONFIG": config("listen: '[::1]:0'")}).listen == Address("::1", 0)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({}, {"NUMASCOPE_SURVEY_PERIOD": "", "NUMASCOPE_CONFIG": ""}).survey_period == 60.0


def test_words_that_yaml_takes_for_booleans_and_times_stay_words(config: Callable[[str], str]) -> None:
    assert load({}, {"NUMASCOPE_CONFIG": config("hotplug: off")}).hotplug == "off"
    with pytest.raises(SettingsError, match="expected a duration with its unit"):
        load({}, {"NUMASCOPE_CONFIG": config("survey_period: 1:30")})


def test_an_empty_file_sets_nothing(config: Callable[[str], str]) -> None:
    assert load({}, {"NUMASCOPE_CONFIG": config("# nothing yet\n")}).log_level == "info"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("log_level: info\nliten: :1\n", 2, "unknown key 'liten'; did you mean 'listen'?"),
        ("listen: :1\nlisten: :2\n", 2, "key 'listen' is given twice"),
        ("listen: [a, b]\n", 1, "key 'listen': expected one value, not a list or a map"),
        ("? [a]\n: b\n", 1, "unknown key 'that is not a word'"),
        ("survey_period: 0.5s\n", 1, "key 'survey_period': expected 1s to 24h, found '0.5s'"),
        ("log_level:\n", 1, "key 'log_level': expected debug or info or warning or error, found ''"),
        ("listen: [::1]:9787\n", 1, "not YAML"),
        ("a: b: c\n", 1, "not YAML"),
    ],
)
def test_a_wrong_file_is_named_with_line_and_key(
    config: Callable[[str], str], text: str, line: int, reason: str
) -> None:
    path = config(text)
    with pytest.raises(SettingsError) as caught:
        load({"config": path}, {})
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- listen\n", "expected lines of `key: value`"),
        ("listen: \x01\n", "not YAML"),
        ("#" * 70_000, "longer than 65536 bytes"),
    ],
)
def test_what_is_no_settings_file_is_named(config: Callable[[str], str], text: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        load({"config": config(text)}, {})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yaml: cannot read the settings: No such file"):
        load({"config": str(tmp_path / "absent.yaml")}, {})
    with pytest.raises(SettingsError, match="Is a directory"):
        load({"config": str(tmp_path)}, {})


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"node_name: \xe9\n")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load({"config": str(path)}, {})


@pytest.mark.parametrize("key", [key for key, row in rows() if row.parse is not settings.parse_text])
def test_a_bad_value_names_its_flag_or_variable(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({key: "\N{SNOWMAN}"}, {})
    assert str(caught.value).startswith(f"{flag_of(key)}: expected ")
    with pytest.raises(SettingsError) as caught:
        load({}, {variable_of(key): "\N{SNOWMAN}"})
    assert str(caught.value).startswith(f"${variable_of(key)}: expected ")


def test_an_empty_flag_is_an_error_where_a_text_is_wanted() -> None:
    with pytest.raises(SettingsError, match="--host: expected a text"):
        load({"host": ""}, {})


def test_an_unknown_variable_is_an_error_with_a_hint() -> None:
    with pytest.raises(SettingsError, match=r"\$NUMASCOPE_LISTN: .*did you mean 'NUMASCOPE_LISTEN'\?"):
        load({}, {"NUMASCOPE_LISTN": ":1"})
    with pytest.raises(SettingsError, match="there are NUMASCOPE_LISTEN, "):
        load({}, {"NUMASCOPE_QQQQQQQQQQ": "1"})


def test_variables_that_the_kubelet_sets_for_a_service_are_no_settings() -> None:
    links = (
        "NUMASCOPE_PORT",
        "NUMASCOPE_PORT_9787_TCP",
        "NUMASCOPE_PORT_9787_TCP_ADDR",
        "NUMASCOPE_SERVICE_HOST",
        "NUMASCOPE_SERVICE_PORT_METRICS",
        "NUMASCOPE_CLUSTER_SERVICE_HOST",
        "NUMASCOPE_CLUSTER_PORT_443_TCP_PROTO",
    )
    assert load({}, dict.fromkeys(links, "tcp://10.0.0.1:9787")).listen.port == 9787


def test_a_host_name_that_is_no_node_name_is_said_to_be_the_default() -> None:
    with pytest.raises(SettingsError, match="node_name by default: expected lower-case letters"):
        load({}, {"NODE_NAME": "my_host"})


def test_the_kubelet_is_asked_at_the_address_that_the_manifest_gives() -> None:
    assert load({}, {}).kubelet_address is None
    assert load({}, {"HOST_IP": "10.0.0.7"}).kubelet_address == "10.0.0.7:10250"
    assert load({}, {"HOST_IP": "10.0.0.7", "NODE_IP": "fd00::7"}).kubelet_address == "[fd00::7]:10250"
    with pytest.raises(SettingsError, match="kubelet_address by default: expected an address"):
        load({}, {"NODE_IP": "10.0.0.7,fd00::7"})


def test_the_host_name_stands_in_lower_case_where_no_node_name_is_set() -> None:
    assert settings.default_node_name({}) == settings.default_node_name({}).lower() != ""


@given(
    host=st.sampled_from(["", "127.0.0.1", "localhost", "::1", "fe80::1%eth0"]),
    port=st.integers(min_value=0, max_value=65_535),
)
def test_an_address_reads_back_as_it_is_written(host: str, port: int) -> None:
    address = Address(host, port)
    assert settings.parse_address(str(address)) == address


@pytest.mark.parametrize("text", ["", "9787", "a:b", "::1:80", "[::1]", "h:65536", "h:-1", "http://h:1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected host:port"):
        settings.parse_address(text)


@given(seconds=st.integers(min_value=1, max_value=999_999).map(lambda ms: ms / 1000))
def test_a_duration_reads_back_as_it_is_written(seconds: float) -> None:
    assert settings.parse_duration(settings.format_duration(seconds)) == pytest.approx(seconds)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load({}, {}).listen = Address("", 0)  # type: ignore[misc]


def test_every_setting_that_needs_one_has_a_flag() -> None:
    assert parsed().keys() == {"config", *KEYS}


def test_no_setting_is_taken_for_a_variable_of_the_kubelet() -> None:
    for key in KEYS:
        with pytest.raises(SettingsError):
            load({}, {f"{variable_of(key)}S": "x"})


def test_the_document_says_what_the_table_says(golden: Callable[[Path, str], None]) -> None:
    golden(DOCS / "settings.md", settings_document())


def test_every_default_is_within_its_own_bounds() -> None:
    chosen = Settings(node_name="a")
    assert chosen.survey_period >= 1.0
    assert chosen.survey_deadline < chosen.survey_period
