"""What is the folder's own: atomic under SIGKILL, metadata in the footer, the filesystem's errors."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.errors import StoreError, StoreRefused, StoreUnavailable
from ingest.folder import FolderStore
from tests.store.objects import chain_object, plain

WRITER = """
import sys
from pathlib import Path
from ingest.folder import FolderStore
from tests.store.objects import plain
store, number = FolderStore(Path(sys.argv[1])), int(sys.argv[2])
while True:
    held = {"number": str(number)}
    body = plain(held, bytes([number % 256]) * 300_000)
    assert store.put_if_absent(f"d={number % 3}/{number:06d}.parquet", body, held)
    print(number, flush=True)
    number += 1
"""


def large(number: int) -> bytes:
    return plain({"number": str(number)}, bytes([number % 256]) * 300_000)


def test_sigkill_leaves_no_partial_object(tmp_path: Path) -> None:
    acknowledged: set[int] = set()
    for kills in range(2):
        writers = [start_writer(tmp_path, 100_000 * (5 * kills + each)) for each in range(5)]
        acknowledged |= kill_all(writers)
    store = FolderStore(tmp_path)
    found = {int(Path(entry.key).stem) for entry in store.list()}
    assert len(acknowledged) > 10
    assert acknowledged <= found
    assert len(found - acknowledged) <= 10, "at most the last put of each writer is unknown"
    for entry in store.list():
        number = int(Path(entry.key).stem)
        assert store.metadata(entry.key) == {"number": str(number)}
        assert store.read(entry.key) == large(number)


def start_writer(root: Path, first: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(root), str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def kill_all(writers: list[subprocess.Popen[str]]) -> set[int]:
    """Let each write something, kill each at another moment; the numbers whose put was acknowledged."""
    seen = []
    for number, writer in enumerate(writers):
        assert writer.stdout is not None
        seen.append(writer.stdout.readline())
        time.sleep(0.013 * number)
        writer.send_signal(signal.SIGKILL)
    for writer in writers:
        rest, _ = writer.communicate()
        seen += rest.splitlines(keepends=True)
    return {int(line) for line in seen if line.endswith("\n")}


def test_writers_that_finish_together_have_one_winner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, often_switching_threads: None
) -> None:
    """Every body is written before the first link is made: a check before the link would pass for all."""
    together = threading.Barrier(16, timeout=10)

    def wait_for_the_others(handle: int) -> None:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            together.wait()

    monkeypatch.setattr("os.fsync", wait_for_the_others)
    store = FolderStore(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        for key in map(str, range(80)):
            puts = [pool.submit(store.put_if_absent, key, plain({}), {}) for _ in range(16)]
            assert sorted(put.result() for put in puts) == [False] * 15 + [True]


def test_what_a_killed_writer_left_is_not_listed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    assert store.put_if_absent("a/b", plain({}), {})
    (tmp_path / "a" / ".put-0123456789abcdef").write_bytes(b"half an obj")
    assert [entry.key for entry in store.list()] == ["a/b"]


def test_a_put_leaves_nothing_else_behind(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "root")
    assert store.put_if_absent("a/b", plain({}), {})
    assert not store.put_if_absent("a/b", plain({}), {})
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "root"]


@pytest.mark.parametrize("body", [b"", b"not parquet", plain({"a": "2"}), plain({"a": "1", "b": "1"}), plain({})])
def test_a_body_whose_footer_says_something_else_is_a_mistake(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(ValueError, match="footer"):
        FolderStore(tmp_path).put_if_absent("a", body, {"a": "1"})
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_object_is_named(tmp_path: Path) -> None:
    key, body, held = chain_object(0, 10)
    store = FolderStore(tmp_path)
    assert store.put_if_absent(key, body, held)
    (tmp_path / key).write_bytes(body[:-100])
    with pytest.raises(StoreRefused, match=key):
        store.metadata(key)


def test_body_and_directories_are_flushed_before_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []

    def fsync(handle: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{handle}").readlink().name)

    monkeypatch.setattr("os.fsync", fsync)
    FolderStore(tmp_path / "root").put_if_absent("a/b/c", plain({}), {})
    assert {"root", "a", tmp_path.name} <= set(flushed[:-2])
    assert flushed[-2].startswith(".put-")
    assert flushed[-1] == "b"


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (errno.ENOSPC, StoreUnavailable, "No space left"),
        (errno.EIO, StoreUnavailable, "Input/output error"),
        (errno.EDQUOT, StoreUnavailable, "quota"),
        (errno.EACCES, StoreUnavailable, "Permission denied"),
        (errno.EROFS, StoreUnavailable, "Read-only"),
        (errno.ESTALE, StoreUnavailable, "Stale"),
        (errno.ENAMETOOLONG, StoreRefused, "too long"),
    ],
)
def test_errors_of_the_filesystem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[StoreError], says: str
) -> None:
    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    store = FolderStore(tmp_path)
    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(kind, match=says) as caught:
        store.put_if_absent("a", plain({}), {})
    assert caught.value.remedy
    monkeypatch.undo()
    assert list(store.list()) == []
    assert store.put_if_absent("a", plain({}), {}), "once the fault has passed"


def test_a_filesystem_without_hard_links_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", fail)
    with pytest.raises(StoreRefused, match="no hard links") as caught:
        FolderStore(tmp_path).put_if_absent("a", plain({}), {})
    assert "NFS" in caught.value.remedy


def test_a_link_that_nfs_made_and_denies_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = Path.hardlink_to

    def link_twice(self: Path, target: Path) -> None:
        link(self, target)
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", link_twice)
    assert FolderStore(tmp_path).put_if_absent("a", plain({}), {}) is True
    assert FolderStore(tmp_path).put_if_absent("a", plain({}), {}) is False


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(b"")
    with pytest.raises(StoreRefused):
        FolderStore(tmp_path / "root").put_if_absent("a/b", plain({}), {})
    with pytest.raises(StoreRefused):
        list(FolderStore(tmp_path / "root").list())


@pytest.mark.parametrize("emptied", [False, True], ids=["moved away", "a mount point without its volume"])
def test_a_folder_whose_objects_are_all_gone_is_not_begun_anew(tmp_path: Path, emptied: bool) -> None:
    root = tmp_path / "objects"
    store, held = FolderStore(root), {"number": "1"}
    assert store.put_if_absent("a/1.parquet", plain(held, b"1"), held)
    root.rename(tmp_path / "elsewhere")
    if emptied:
        root.mkdir()
    with pytest.raises(StoreUnavailable, match="all that was there is gone") as caught:
        store.put_if_absent("a/2.parquet", plain(held, b"2"), held)
    assert "unmounted" in caught.value.remedy
    if emptied:
        root.rmdir()
    assert not root.exists()
    (tmp_path / "elsewhere").rename(root)
    assert store.put_if_absent("a/2.parquet", plain(held, b"2"), held)
    assert [entry.key for entry in store.list()] == ["a/1.parquet", "a/2.parquet"]
