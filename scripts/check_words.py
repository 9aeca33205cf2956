"""Check the prose of the project for markers of unclear sentences.

Usage:
    python scripts/check_words.py            check the whole project
    python scripts/check_words.py PATH...    list and count the markers in files or folders

Prose means comments, docstrings, string literals with a space, test names, and Markdown outside
code. CONTRIBUTING.md states the rules. ALLOWED lists the exceptions.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[1]
CHECKED = (
    *(".ci", ".cargo", "Makefile", "Cargo.toml", "clippy.toml", "pyproject.toml", "mkdocs.yml"),
    *("rust", "python", "tests", "faults", "benches", "scripts", "docs"),
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"),
)
"""Files and folders that must pass, relative to the root of the project."""
NOT_PROSE = {"target", "__pycache__", ".hypothesis", "seeds"}


class Allowed(NamedTuple):
    """An exception: the file, a part of the line, and the reason."""

    file: str
    text: str
    reason: str


ALLOWED: tuple[Allowed, ...] = ()
MOST_ALLOWED = 15

NOUN_CLAUSE = "a clause as a noun"
# Patterns contain no space, so that this file passes its own check.
STARTS = re.compile(
    r"(?:^|[.!?:;]\s+|[.!?:]['\")]\s+|[(\[]\s*|\*\*)(What|Who|Whoever|Of|Those)\b(?![\"'`])",
    re.MULTILINE,
)
VERBS = (
    "is|was|has|are|were|had|isn't|it|its|they|there|he|she|we|you|can|could|may|might|must|"
    "would|will|should|does|did|do|comes|came|goes|went|lies|lay|stands|stays|follows|remains|"
    "belongs|needs|takes|happens|happened|else|the|an?|each|another|others"
)
BEFORE = (
    "of|by|from|with|than|that|as|and|or|but|to|for|at|in|on|before|after|beside|below|like|"
    "is|are|was|were|be|been|not|isn't|only|all"
)
MARKERS = (
    (NOUN_CLAUSE, re.compile(rf"\bwhat\s+(?:{VERBS})\b", re.IGNORECASE)),
    (NOUN_CLAUSE, re.compile(rf"\b(?:{BEFORE})\s+what\b", re.IGNORECASE)),
    *(
        (label.replace("_", " "), re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE))
        for label, pattern in (
            ("nobody", r"nobody(?:'s)?"),
            ("somebody", r"somebody(?:'s)?"),
            ("whoever", r"who(?:so)?ever|whomever"),
            ("meanwhile", r"meanwhile"),
            ("seen_to", r"(?:seen|sees|saw)\s+to"),
            ("to_be_had", r"to\s+be\s+had"),
            ("is_had", r"(?:is|are|was|were)\s+(?:not\s+)?had"),
            ("in_vain", r"in\s+vain"),
            ("let_go_of", r"let(?:s|ting)?\s+(?:\w+\s+)?go(?:\s+of)?"),
            ("for_whom", r"(?:for|of|to|by|with|from)\s+whom"),
            ("that_which", r"that\s+which"),
            ("he_who", r"(?:he|she|one|those|all|any|anyone|everyone)\s+who"),
            ("bare_who", r"(?:to|of|by|for|from|with|than|and|or|if|before)\s+who(?=\s)"),
        )
    ),
)
NAME = re.compile(
    r"_(?:what|who|whom|whose|whoever|nobody|somebody|meanwhile|seen_to|sees_to|to_be_had|"
    r"in_vain|lets?_go)(?=_|$)"
)
SENTENCE_END = re.compile(r"[.!?](?=\s|[\"')]|$)|\n\s*\n")
INLINE_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
URL = re.compile(r"\]\([^)\s]*\)|https?://\S+")
ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+|^#+\s+|^>\s?")
RUST_TOKEN = re.compile(
    r"(?P<comment>//[^\n]*)"
    r"|(?P<block>/\*.*?\*/)"
    r"|b?r(?P<hashes>#*)\"(?P<raw>.*?)\"(?P=hashes)"
    r"|[bc]?\"(?P<string>(?:[^\"\\]|\\.)*)\""
    r"|'(?:[^'\\\n]|\\[^'\n]|\\[^\n]{2,8}?)'"
    r"|\#\[(?:\w+::)*test\b[^\]]*\](?:\s*\#\[[^\n]*\])*\s*(?:async\s+)?fn\s+(?P<test>\w+)"
    r"|\bfn\s+(?P<named>test_\w+)",
    re.DOTALL,
)
COMMENT = re.compile(r"(?:^|\s)#+!?\s?(.*)$")


class Text(NamedTuple):
    """A piece of prose and its first line number."""

    line: int
    text: str


class Finding(NamedTuple):
    """A marker in a file."""

    file: str
    line: int
    marker: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.marker}: {self.text}"


def paragraphs(text: str, first_line: int, *, tables: bool = False) -> Iterator[Text]:
    """Split a page, docstring or comment at empty lines, list items and fenced code."""
    fenced = False
    pending: list[str] = []
    start = first_line
    for number, line in enumerate(text.split("\n"), first_line):
        fence = line.lstrip().startswith(("```", "~~~"))
        example = fenced or fence or line.lstrip().startswith((">>> ", "... "))
        row = tables and line.lstrip().startswith("|")
        if pending and (example or row or not line.strip() or ITEM.match(line)):
            yield Text(start, "\n".join(pending))
            pending = []
        fenced ^= fence
        if row and not example:
            yield from (Text(number, cell.strip()) for cell in line.split("|"))
        elif not example and line.strip():
            start = start if pending else number
            pending.append(ITEM.sub("", line) if not pending else line.strip())
    if pending:
        yield Text(start, "\n".join(pending))


def joined(comments: Iterable[Text]) -> Iterator[Text]:
    """Join comments on consecutive lines, and split the result into paragraphs."""
    start, lines = 0, list[str]()
    for line, text in comments:
        if lines and line != start + len(lines):
            yield from paragraphs("\n".join(lines), start)
            lines = []
        start = start if lines else line
        lines.append(text)
    yield from paragraphs("\n".join(lines), start)


def strings(literals: Iterable[Text]) -> Iterator[Text]:
    """Return the paragraphs of the literals with a space, which may be prose."""
    for line, text in literals:
        if " " in text.strip():
            yield from paragraphs(text, line)


def python_literals(tree: ast.AST) -> Iterator[Text]:
    """Return the string literals of a module, with X for each replacement field."""
    inside = set[int]()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside.update(map(id, node.values))
            parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
            yield Text(node.lineno, "".join(map(str, parts)))
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in inside
        ):
            yield Text(node.lineno, node.value)


def python_texts(source: str) -> tuple[list[Text], list[Text]]:
    """Return the prose of a Python file, and the names of its tests."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = (
        Text(token.start[0], token.string.lstrip("#:! "))
        for token in tokens
        if token.type == tokenize.COMMENT
    )
    tree = ast.parse(source)
    names = [
        Text(node.lineno, node.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.name.lower().startswith("test")
    ]
    return [*joined(comments), *strings(python_literals(tree))], names


def rust_texts(source: str) -> tuple[list[Text], list[Text]]:
    """Return the prose of a Rust file, and the names of its tests."""
    comments, literals, names = list[Text](), list[Text](), list[Text]()
    line, position = 1, 0
    for token in RUST_TOKEN.finditer(source):
        line += source.count("\n", position, token.start())
        position = token.start()
        kind, text = token.lastgroup, token[token.lastgroup] if token.lastgroup else ""
        if kind in {"comment", "block"}:
            comments.append(Text(line, text.strip("/*! \n")))
        elif kind in {"raw", "string"}:
            literals.append(Text(line, re.sub(r"\\\n\s*", "\n", text)))
        elif kind in {"test", "named"}:
            names.append(Text(line + token[0].count("\n"), "_" + text))
    return [*joined(comments), *strings(literals)], names


def other_texts(source: str) -> tuple[list[Text], list[Text]]:
    """Return the comments of a settings file or script, and each of its other lines."""
    comments, lines = list[Text](), list[Text]()
    for number, line in enumerate(source.split("\n"), 1):
        comment = COMMENT.search(line)
        if comment:
            comments.append(Text(number, comment[1]))
        lines.append(Text(number, COMMENT.sub("", line)))
    return [*joined(comments), *lines], []


def texts_of(path: Path) -> tuple[list[Text], list[Text]]:
    """Return the prose of a file, and the names of its tests."""
    source = path.read_text(encoding="utf-8")
    if path.suffix in {".py", ".pyi"}:
        return python_texts(source)
    if path.suffix == ".rs":
        return rust_texts(source)
    if path.suffix == ".md":
        return list(paragraphs(source, 1, tables=True)), []
    return other_texts(source)


def is_question(text: str, position: int) -> bool:
    """Return whether the sentence at a position ends with a question mark."""
    end = SENTENCE_END.search(text, position)
    return end is not None and end[0] == "?"


def markers_of(text: str) -> Iterator[tuple[int, str]]:
    """Return the position and kind of each marker in a piece of prose."""
    text = INLINE_CODE.sub(lambda code: re.sub(r"[^\n]", "X", code[0]), text)
    text = URL.sub(lambda url: "]" * len(url[0]), text)
    found = {match.start(1): f"begins with {match[1]}" for match in STARTS.finditer(text)}
    for label, pattern in MARKERS:
        for match in pattern.finditer(text):
            if label != NOUN_CLAUSE:
                found.setdefault(match.start(), label)
                continue
            position = match.start() + match[0].lower().index("what")
            found.setdefault(position, label)
    for position, label in sorted(found.items()):
        if label == NOUN_CLAUSE or label.startswith("begins with Wh"):
            if not is_question(text, position):
                yield position, label
        else:
            yield position, label


def check_file(path: Path, name: str) -> Iterator[Finding]:
    """Return the markers in one file."""
    lines = path.read_text(encoding="utf-8").split("\n")
    texts, names = texts_of(path)
    found = [
        (start + text.count("\n", 0, position), marker)
        for start, text in texts
        for position, marker in markers_of(text)
    ]
    found += [
        (line, f"test name with {marker[0].strip('_')}")
        for line, test in names
        for marker in NAME.finditer(test)
    ]
    for line, marker in sorted(found):
        yield Finding(name, line, marker, lines[min(line, len(lines)) - 1].strip())


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """Return the files with prose among the paths and below them, in order."""
    suffixes = {".py", ".pyi", ".rs", ".md", ".toml", ".yml", ".yaml", ".sh"}
    for path in paths:
        if path.is_file():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            known = file.suffix in suffixes or file.parent.name == ".ci"
            if known and file.is_file() and not NOT_PROSE.intersection(file.parts):
                yield file


def check(paths: Iterable[Path], root: Path, allowed: Iterable[Allowed]) -> list[Finding]:
    """Return the markers in files and folders, without the allowed exceptions."""
    exceptions = [(one.file, one.text) for one in allowed]
    findings = list[Finding]()
    for path in files_below(paths):
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        findings += (
            finding
            for finding in check_file(path, name)
            if not any(name == file and text in finding.text for file, text in exceptions)
        )
    return findings


def stale(allowed: Iterable[Allowed], root: Path) -> list[str]:
    """Return a problem for each exception that is obsolete or has no reason."""
    problems = []
    for one in allowed:
        path = root / one.file
        if not path.is_file() or one.text not in path.read_text(encoding="utf-8"):
            problems.append(f"{one.file}: exception not needed: {one.text}")
        if not one.reason:
            problems.append(f"{one.file}: exception without a reason: {one.text}")
    return problems


def folder_of(name: str) -> str:
    """Return the folder under which a file is counted, at most four levels deep."""
    return "/".join(name.split("/")[:-1][:4]) or name


def main(arguments: list[str] | None = None) -> int:
    """Check the given paths, print the findings, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("paths", nargs="*", type=Path, help="files and folders to check")
    chosen = parser.parse_args(arguments)
    everything = [ROOT / name for name in CHECKED if (ROOT / name).exists()]
    paths = [path.resolve() for path in chosen.paths] or everything
    if missing := [path for path in paths if not path.exists()]:
        print(f"no such path: {missing[0]}", file=sys.stderr)
        return 2
    findings = check(paths, ROOT, ALLOWED)
    problems = stale(ALLOWED, ROOT)
    if len(ALLOWED) > MOST_ALLOWED:
        problems.append(f"too many exceptions: {len(ALLOWED)} exceeds {MOST_ALLOWED}")
    print(*findings, sep="\n", end="\n" if findings else "")
    if chosen.paths:
        counts = Counter(folder_of(finding.file) for finding in findings)
        print(*(f"{count:6} {folder}" for folder, count in sorted(counts.items())), sep="\n")
        print(f"{len(findings):6} total")
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if findings or problems else 0


if __name__ == "__main__":
    sys.exit(main())
