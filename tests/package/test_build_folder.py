"""Clones share cargo's build folder, but each builds and checks its own crates."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import check_dist
import pytest

from tests.support.needs import needs

SCRIPTS = Path(__file__).parents[2] / "scripts"

pytestmark = pytest.mark.skipif(shutil.which("cargo") is None, reason="requires cargo")


def make_clone(path: Path, program: str) -> Path:
    """Create a clone of a project whose crate has the same name in every clone."""
    (path / "src").mkdir(parents=True)
    (path / "Cargo.toml").write_text('[package]\nname = "tiny"\nedition = "2021"\n[workspace]\n')
    (path / "src/main.rs").write_text(program)
    shutil.copytree(SCRIPTS, path / "scripts")
    return path


def wrappers_of(clone: Path) -> Path:
    ran = subprocess.run(
        ["sh", "scripts/clone_dir.sh"], cwd=clone, capture_output=True, text=True, check=True
    )
    return Path(ran.stdout.strip())


def cargo(clone: Path, shared: Path, wrapper: str, *words: str) -> subprocess.CompletedProcess[str]:
    names = {"CARGO_BUILD_BUILD_DIR": str(shared), "CARGO_TARGET_DIR": str(clone / "target")}
    names["RUSTC_WORKSPACE_WRAPPER"] = str(wrappers_of(clone) / wrapper)
    return subprocess.run(
        ["cargo", *words, "--quiet", "--offline"],
        cwd=clone,
        env={**os.environ, **names},
        capture_output=True,
        text=True,
        check=False,
    )


def build_folder(cache: Path, **variables: str) -> str:
    """Return the output of scripts/build_dir.sh with this cache directory."""
    script = ["sh", str(SCRIPTS / "build_dir.sh")]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), **variables}
    ran = subprocess.run(
        script, cwd=SCRIPTS.parent, env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    return ran.stdout.strip()


def test_each_clone_runs_its_own_program(tmp_path: Path) -> None:
    clones = {
        name: make_clone(tmp_path / name, f'fn main() {{ println!("{name}"); }}')
        for name in ("one", "two")
    }
    for name in ("one", "two", "one"):
        ran = cargo(clones[name], tmp_path / "shared", "rustc_of_clone.sh", "run")
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{name}\n", "")


def test_later_clone_at_the_same_path_runs_its_own_program(tmp_path: Path) -> None:
    place = tmp_path / "clone"
    for name in ("one", "two"):
        clone = make_clone(place, f'fn main() {{ println!("{name}"); }}')
        for path in (clone / "Cargo.toml", clone / "src/main.rs"):
            os.utime(path, (1, 1))  # as an archive has them
        ran = cargo(clone, tmp_path / "shared", "rustc_of_clone.sh", "run")
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{name}\n", "")
        assert wrappers_of(clone) == wrappers_of(clone)
        shutil.rmtree(place)


def test_clippy_checks_each_clone(tmp_path: Path) -> None:
    good = make_clone(tmp_path / "good", "fn main() {}")
    bad = make_clone(tmp_path / "bad", "fn main() { let _ = 1 == 1; }")
    for clone in (good, bad, good):
        checked = cargo(clone, tmp_path / "shared", "clippy_of_clone.sh", "check")
        assert (checked.returncode == 0) == (clone == good), checked.stderr


@pytest.mark.parametrize("writable", [True, False])
def test_build_folder_is_printed_only_if_writable(tmp_path: Path, writable: bool) -> None:
    cache = tmp_path / "cache"
    if not writable:
        cache.write_text("no directory")
    printed = build_folder(cache)
    assert Path(printed).is_dir() if writable else printed == ""
    assert not writable or Path(printed).parent == cache / "laboxide"


@pytest.mark.parametrize("names", [{}, {"HOME": ""}, {"XDG_CACHE_HOME": "cache"}, {"HOME": "home"}])
def test_no_build_folder_without_a_home_directory(tmp_path: Path, names: dict[str, str]) -> None:
    (tmp_path / "Cargo.lock").touch()
    environment = {"PATH": os.environ["PATH"], **names}
    script = ["sh", str(SCRIPTS / "build_dir.sh")]
    ran = subprocess.run(
        script, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["Cargo.lock"]


@needs()
def test_build_folder_of_another_user_is_not_used(tmp_path: Path) -> None:
    folder = build_folder(tmp_path)
    assert folder
    os.chown(folder, 1000, 1000)
    assert build_folder(tmp_path) == ""


@needs("mount")
@pytest.mark.parametrize("options", ["exec", "noexec"])
def test_noexec_build_folder_is_not_used(tmp_path: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", tmp_path], check=True)
    try:
        assert bool(build_folder(tmp_path)) == (options == "exec")
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.parametrize("kind", ["nfs", "ext2/ext3"])
def test_build_folder_on_nfs_is_not_used(tmp_path: Path, kind: str) -> None:
    stat = tmp_path / "stat"
    stat.write_text(f"#!/bin/sh\necho {kind}\n")
    stat.chmod(0o755)
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    assert bool(build_folder(tmp_path / "cache", PATH=path)) == (kind != "nfs")


def test_distribution_is_built_without_the_build_folder_of_the_clone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("CARGO_BUILD_BUILD_DIR", "RUSTC_WORKSPACE_WRAPPER"):
        monkeypatch.setenv(name, "of the clone")
    show = (sys.executable, "-c", "import os; print(*os.environ)")
    names = check_dist.run(*show).split()
    assert "PATH" in names
    assert not {"CARGO_BUILD_BUILD_DIR", "RUSTC_WORKSPACE_WRAPPER"} & {*names}


def test_build_folder_unused_for_weeks_is_removed(tmp_path: Path) -> None:
    old, recent = (tmp_path / "laboxide" / f"target-{name}" for name in ("old", "recent"))
    for folder in (old, recent):
        folder.mkdir(parents=True)
        (folder / "last-used").touch()
    os.utime(old / "last-used", (0, 0))
    build_folder(tmp_path)
    assert recent.exists()
    assert not old.exists()
