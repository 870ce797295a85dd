from __future__ import annotations

import shutil
import subprocess

import pytest
import shtab

from agent.__main__ import main
from agent.cli import COMMANDS
from agent.cli.completion import SHELLS


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def completed(bash_script: str, *words: str) -> list[str]:
    """What a real bash would offer for the last of these words."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash, which is not installed")
    line = " ".join(f"'{word}'" for word in words)
    asking = (
        f"{bash_script}\n"
        f'COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; COMP_LINE="${{COMP_WORDS[*]}}"; COMP_POINT=${{#COMP_LINE}}\n'
        "function=$(complete -p numascope | sed 's/.*-F \\([^ ]*\\) .*/\\1/')\n"
        '"$function" numascope "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"\n'
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    result = subprocess.run(
        [bash, "--norc"], input=asking, capture_output=True, text=True, check=False, timeout=30
    )
    return sorted(result.stdout.split())


def test_every_shell_that_shtab_knows_is_offered() -> None:
    assert set(SHELLS) == set(shtab.SUPPORTED_SHELLS)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_names_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)
    assert all(command in text for command in COMMANDS)


def test_bash_completes_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    bash = script("bash", capsys)
    assert completed(bash, "numascope", "s") == ["show"]
    assert completed(bash, "numascope", "show", "--o") == ["--output"]
    assert completed(bash, "numascope", "show", "-o", "w") == ["wide"]


def test_bash_completes_file_names_after_host(capsys: pytest.CaptureFixture[str]) -> None:
    bash = script("bash", capsys)
    assert "/etc/" in [
        f"{name.rstrip('/')}/" for name in completed(bash, "numascope", "show", "--host", "/et")
    ]


@pytest.mark.parametrize("shell", ["zsh", "tcsh", "fish"])
def test_a_shell_that_is_installed_takes_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}, which is not installed")
    result = subprocess.run(
        [program, "-n"], input=text, capture_output=True, text=True, check=False, timeout=30
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["completion", "elvish"])
    assert stop.value.code == 2
    assert "invalid choice: 'elvish'" in capsys.readouterr().err
