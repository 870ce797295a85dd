from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent import __version__
from agent.__main__ import main
from agent.cli import COMMANDS, load
from agent.cli.common import build_parser, command_named

HEAVY = {"rich", "yaml", "shtab", "aiohttp", "prometheus_client", "pyudev"}


def numascope(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
    )


def modules_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has imported after some code."""
    script = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(result.stdout.split())


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"numascope {__version__}\n"


def test_the_help_lists_every_command_with_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for command in COMMANDS:
        assert f"{command} {load(command).SUMMARY}" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_s_help_has_examples_and_the_common_options(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert stop.value.code == 0
    assert f"numascope {command}" in shown.partition("examples:")[2]
    assert "--host DIR|ARCHIVE" in shown
    assert "--color {auto,always,never}" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_s_module_bears_its_name(command: str) -> None:
    assert command == load(command).NAME


def test_a_mistyped_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--color", "never", "shwo"]) == 2
    assert capsys.readouterr().err == "numascope: there is no command 'shwo'; did you mean 'show'?\n"


def test_a_command_like_no_other_is_answered_with_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["xyzzy"]) == 2
    everything = "agent, show, topo, pods, headroom, predict, explain, doctor, preflight, kubelet-config"
    assert capsys.readouterr().err == (
        f"numascope: there is no command 'xyzzy'; the commands are {everything}, capture, cleanup, completion\n"
    )


def test_no_command_is_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert "required: COMMAND" in capsys.readouterr().err


def test_common_options_may_stand_before_or_after_the_command() -> None:
    parser = build_parser(("show",))
    assert parser.parse_args(["--host", "a", "show"]).host == "a"
    assert parser.parse_args(["show", "--host", "b"]).host == "b"
    assert parser.parse_args(["--color", "never", "show"]).color == "never"
    assert vars(parser.parse_args(["show"])) == {
        "host": None,
        "color": "auto",
        "command": "show",
        "output": "text",
    }


def test_the_value_of_an_option_is_not_taken_for_the_command() -> None:
    assert command_named(["--host", "topo", "show", "-o", "json"]) == "show"
    assert command_named(["--version"]) is None


def test_what_a_person_can_put_right_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "--host", str(tmp_path / "nowhere")]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"numascope: {tmp_path / 'nowhere'}: No such file or directory\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_building_the_parser_imports_nothing_heavy(command: str) -> None:
    code = f"from agent.cli.common import build_parser\nbuild_parser(('{command}',))"
    assert not modules_after(code) & HEAVY


def test_the_agent_s_modules_import_nothing_that_is_for_people() -> None:
    code = "import agent.cli.agent, agent.survey, agent.web, agent.settings"
    assert not modules_after(code) & {"rich", "yaml", "shtab"}


def test_the_version_costs_little_more_than_python_itself() -> None:
    def fastest(*command: str) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True, timeout=60)
            times.append(time.perf_counter() - start)
        return min(times)

    assert fastest("-m", "agent", "--version") - fastest("-c", "pass") < 0.08


def test_a_stream_that_nobody_reads_or_that_is_full_has_its_own_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed, contextlib.redirect_stdout(closed):
        assert main(["completion", "bash"]) == 141
    with Path("/dev/full").open("w") as full, contextlib.redirect_stdout(full):
        assert main(["completion", "bash"]) == 2
    assert capsys.readouterr().err == "numascope: standard output: No space left on device\n"


def test_help_before_a_command_is_about_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help", "show"])
    assert load("topo").SUMMARY.partition(",")[0] in " ".join(capsys.readouterr().out.split())


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [sys.executable, "-m", "agent", "completion", "bash"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(writer)
    assert (process.returncode, process.stderr) == (141, b"")


def test_an_output_that_is_full_is_said_in_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        process = subprocess.run(
            [sys.executable, "-m", "agent", "completion", "bash"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert process.returncode == 2
    assert re.fullmatch(r"numascope: standard output: No space left on device\n", process.stderr)


def test_an_interrupt_ends_it_quietly_even_while_nobody_reads() -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)  # less than what the command writes: it has to wait
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "completion", "bash"], stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    os.read(reader, 1)  # it has begun to write
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=60)
    os.close(reader)
    assert (process.returncode, complaints) == (130, b"")
