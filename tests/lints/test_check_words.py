"""The word lint finds each marker in each kind of text, and no marker in plain text.

Sample sentences have underscores for spaces, so that this file passes the lint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import check_words as lint
import pytest

if TYPE_CHECKING:
    from pathlib import Path

PLANTED = {
    "begins_with_What": "The_file_is_read._What_it_has_is_hashed.",
    "begins_with_Who": "Who_comes_later_waits.",
    "begins_with_Whoever": "A_lock_is_held._Whoever_has_it_writes.",
    "begins_with_Of": "Of_these_files_one_is_read.",
    "begins_with_Those": "Those_that_fail_are_skipped.",
    "a_clause_as_a_noun": "The_reader_returns_what_is_there.",
    "nobody": "Here_nobody_waits.",
    "somebody": "Here_somebody_waits.",
    "whoever": "It_is_left_to_whoever_waits.",
    "meanwhile": "The_other_task_meanwhile_waits.",
    "seen_to": "The_object_is_seen_to_here.",
    "to_be_had": "No_thread_is_to_be_had_here.",
    "is_had": "No_thread_is_had_here.",
    "in_vain": "The_search_was_in_vain_here.",
    "let_go_of": "The_worker_lets_go_of_it.",
    "for_whom": "A_task_for_whom_it_is_done.",
    "that_which": "It_reads_that_which_came.",
    "he_who": "The_names_of_those_who_wait.",
    "bare_who": "The_answer_goes_to_who_waits.",
}
MARKERS = {marker.replace("_", " "): text for marker, text in PLANTED.items()}
CLAUSES = (
    *("of_what_is_left", "that_what_came", "what_has_come_of_it", "what_it_reads", "what_was_read"),
    *(
        "what_are_these",
        "what_were_these",
        "what_had_come",
        "what_they_read",
        "not_what_came",
        "what_the_task_reads",
    ),
)
TEXTS = {
    "comment.py": "# {}\n",
    "comment_after_code.py": "x = 1  # {}\n",
    "docstring.py": '"""Module.\n\n{}\n"""\n',
    "error.py": 'raise ValueError("{}")\n',
    "error_with_field.py": 'raise ValueError(f"{{1}} {}")\n',
    "comment.rs": "fn a() {{}} // {}\n",
    "block.rs": "/* {} */\n",
    "doc.rs": "/// {}\nfn a() {{}}\n",
    "inner_doc.rs": "//! {}\n",
    "error.rs": 'fn a() {{ panic!("{}"); }}\n',
    "raw.rs": 'const A: &str = r#"{}"#;\n',
    "paragraph.md": "# Title\n\n{}\n",
    "heading.md": "# {}\n",
    "item.md": "- one\n- {}\n",
    "cell.md": "| a | {} |\n|---|---|\n",
    "alt.md": "![{}](a.svg)\n",
    "Makefile": "all: ## {}\n",
    "comment.toml": "# {}\n[a]\n",
    "comment.yml": "a: 1 # {}\n",
    "comment.sh": "#!/bin/sh\n# {}\n",
    "message.sh": 'echo "{}"\n',
}
NAMES = ("what", "who", "whoever", "whose", "nobody", "somebody", "meanwhile")
PLAIN = """The worker pushes the result and wakes the loop. What does the caller see? Whole objects.

Off the loop, a reader verifies each chunk before it returns the chunk. `what is this`, and
[a link](what_is_this.md), are no prose.
"""


def markers_in(path: Path) -> list[str]:
    return [finding.marker for finding in lint.check([path], path.parent, ())]


def write(path: Path, text: str, phrase: str) -> Path:
    path.write_text(text.format(phrase.replace("_", " ")), encoding="utf-8")
    return path


@pytest.mark.parametrize("marker", MARKERS)
def test_each_marker_is_found(tmp_path: Path, marker: str) -> None:
    assert markers_in(write(tmp_path / "a.md", "{}\n", MARKERS[marker])) == [marker]


def test_each_rule_has_a_sample() -> None:
    starts = {f"begins with {word}" for word in ("What", "Who", "Whoever", "Of", "Those")}
    assert {label for label, _ in lint.MARKERS} | starts == set(MARKERS)


@pytest.mark.parametrize("clause", CLAUSES)
def test_clause_as_noun_is_found(tmp_path: Path, clause: str) -> None:
    path = write(tmp_path / "a.md", "It reads {}.\n", clause)
    assert markers_in(path) == ["a clause as a noun"]


@pytest.mark.parametrize("name", TEXTS)
def test_each_kind_of_text_is_read(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, TEXTS[name], MARKERS["nobody"])
    assert markers_in(path) == ["nobody"]
    assert markers_in(write(path, TEXTS[name], "A_plain_sentence.")) == []


@pytest.mark.parametrize("name", TEXTS)
def test_start_of_a_text_is_the_start_of_a_sentence(tmp_path: Path, name: str) -> None:
    marker = "begins with Those"
    within_a_line = name in {"error_with_field.py", "message.sh"}
    found = markers_in(write(tmp_path / name, TEXTS[name], MARKERS[marker]))
    assert found == ([] if within_a_line else [marker])


@pytest.mark.parametrize("word", NAMES)
def test_names_of_tests_are_read(tmp_path: Path, word: str) -> None:
    python = tmp_path / "a.py"
    python.write_text(
        f"def test_a_{word}_b(): ...\nasync def test_{word}(): ...\ndef {word}(): ...\n"
    )
    rust = tmp_path / "a.rs"
    rust.write_text(
        f"#[test]\nfn {word}_b() {{}}\n#[tokio::test]\nasync fn a_{word}() {{}}\nfn {word}() {{}}\n"
    )
    for path in (python, rust):
        assert markers_in(path) == [f"test name with {word}"] * 2, path


def test_marker_across_lines_is_found_in_its_line(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.rs", "fn a() {{}}\n\n/// One.\n/// {} \n/// is left.\n", "It_reads_what"
    )
    [finding] = lint.check([path], tmp_path, ())
    assert (finding.file, finding.line) == ("a.rs", 4)


@pytest.mark.parametrize("name", ["a.py", "a.rs", "a.md", "a.sh"])
def test_plain_text_passes(tmp_path: Path, name: str) -> None:
    prefix = {"py": "# ", "rs": "/// ", "md": "", "sh": "# "}[name.split(".")[1]]
    text = "".join(f"{prefix}{line}\n" for line in PLAIN.splitlines())
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert markers_in(tmp_path / name) == []


def test_code_is_not_read(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("Text.\n\n```python\nwhat_is = 1  # nobody\n```\n", encoding="utf-8")
    code = tmp_path / "a.rs"
    code.write_text(
        "fn_nobody<'a>(meanwhile:_&'a_str)_->_char_{_'\"'_}\n".replace("_", " "), encoding="utf-8"
    )
    assert markers_in(page) == markers_in(code) == []


def test_exception_allows_one_line_and_must_be_needed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.md", "{}\n\nHere nobody_waits.\n", MARKERS["nobody"])
    allowed = lint.Allowed("a.md", "nobody_waits", "a quotation")
    [finding] = lint.check([path], tmp_path, [allowed])
    assert finding.line == 1
    assert lint.stale([allowed], tmp_path) == []
    assert lint.stale([allowed._replace(text="gone")], tmp_path) != []
    assert lint.stale([allowed._replace(reason="")], tmp_path) != []


def test_command_fails_on_a_marker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.md", "{}\n", MARKERS["nobody"])
    assert lint.main([str(path)]) == 1
    output = capsys.readouterr().out
    assert output.startswith(f"{path}:1: ")
    assert "nobody" in output
    assert lint.main([str(write(path, "{}\n", "Plain."))]) == 0
    assert lint.main([str(tmp_path / "missing")]) == 2


def test_exceptions_are_few() -> None:
    assert len(lint.ALLOWED) <= lint.MOST_ALLOWED == 15
