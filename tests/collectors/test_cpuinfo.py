from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from collectors.cpuinfo import (
    HEAD_BYTES,
    Processor,
    parse_cpuinfo_lines,
    parse_processors,
    read_cpuinfo_head,
    read_processors,
)
from tests.collectors.trees import UNREADABLE, problem_paths, reader_of

S390 = """vendor_id       : IBM/S390
# processors    : 2
processor 0: version = 00,  identification = 279F25,  machine = 2817
processor 1: version = 00,  identification = 279F25,  machine = 2817

cpu number      : 0
physical id     : 3
core id         : 1
cpu number      : 1
physical id     : 3
core id         : 1
"""


def test_lines_are_split_at_the_first_colon_and_blanks_are_one() -> None:
    assert parse_cpuinfo_lines("model name\t:   Intel(R)   CPU: x\n\nno colon\n") == (
        ("model name", "Intel(R) CPU: x"),
    )


def test_x86_processors_have_package_and_core() -> None:
    text = "processor : 0\nphysical id : 0\ncore id : 2\n\nprocessor : 1\nphysical id : 1\ncore id : 2\n"

    assert parse_processors(text) == (
        Processor(id=0, package_id=0, core_id=2),
        Processor(id=1, package_id=1, core_id=2),
    )


def test_s390_names_processors_twice_and_means_the_same() -> None:
    assert parse_processors(S390) == (
        Processor(id=0, package_id=3, core_id=1),
        Processor(id=1, package_id=3, core_id=1),
    )


def test_the_name_of_an_arm_processor_is_no_processor() -> None:
    assert parse_processors("Processor : ARMv7 Processor rev 1 (v7l)\nprocessor : 0\n\nprocessor : 1\n") == (
        Processor(id=0),
        Processor(id=1),
    )


def test_loongarch_words_are_understood() -> None:
    assert parse_processors("processor : 0\npackage : 1\ncore : 5\n") == (
        Processor(id=0, package_id=1, core_id=5),
    )


def test_ids_before_any_processor_and_ids_in_error_belong_to_nobody() -> None:
    text = "physical id : 9\nprocessor : x\nprocessor : 0\nphysical id : -1\ncore id : ?\nprocessor : 99999\n"

    assert parse_processors(text) == (Processor(id=0),)


@given(st.text(max_size=200))
def test_any_text_gives_processors_or_none(text: str) -> None:
    assert all(0 <= processor.id <= 65_535 for processor in parse_processors(text))


def test_the_head_leaves_out_the_line_that_is_cut(tmp_path: Path) -> None:
    line = "flags : " + "x" * 91 + "\n"
    reader = reader_of(tmp_path, {"/proc/cpuinfo": line * 400})

    head = read_cpuinfo_head(reader)

    assert len(head) == HEAD_BYTES // len(line)
    assert set(head) == {("flags", "x" * 91)}


def test_a_short_file_is_its_own_head(tmp_path: Path) -> None:
    assert read_cpuinfo_head(reader_of(tmp_path, {"/proc/cpuinfo": "processor : 0"})) == (("processor", "0"),)


def test_processors_of_the_whole_file_are_read_however_long_it_is(tmp_path: Path) -> None:
    text = "".join(f"processor : {cpu}\nflags : {'x' * 1500}\n\n" for cpu in range(1024))

    assert len(read_processors(reader_of(tmp_path, {"/proc/cpuinfo": text}))) == 1024


def test_an_absent_file_names_nothing_and_is_no_problem(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {})

    assert (read_processors(reader), read_cpuinfo_head(reader), reader.problems) == ((), (), ())


def test_an_unreadable_file_is_a_problem(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, {"/proc/cpuinfo": UNREADABLE})

    assert read_processors(reader) == ()
    assert problem_paths(reader) == ["/proc/cpuinfo"]
