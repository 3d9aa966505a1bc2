"""The folder that holds all of a server's data: made, locked while the server runs, and its secret.

The lock is the operating system's, on an open file: a crash cannot leave it behind.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from aiortstream.errors import ServerStartError

SECRET_BYTES = 32


class DataDirLocked(ServerStartError):  # noqa: N818 - the name says what happened
    """Another server is running on this data directory."""


class DataDir:
    """An open data directory; blocks, so call it on a thread. `path` None makes a temporary one, deleted at the end."""

    def __init__(self, path: Path | None) -> None:
        """Make and lock it. Raises DataDirLocked, or ServerStartError where it cannot be written."""
        self._temporary = None
        if path is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="aiortstream-", ignore_cleanup_errors=True)
            path = Path(self._temporary.name)
        self.path = path.expanduser().absolute()
        # Not thread-local: it is acquired and released on whatever worker thread is free.
        self._lock = FileLock(self.path / "lock", timeout=0, thread_local=False)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)  # what cameras saw is its owner's alone
            self._lock.acquire()
        except Timeout:
            raise DataDirLocked(f"another server is running on {self.path}: stop it, or use another folder") from None
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self.secret = _secret(self.path / "secret")
        except OSError as error:
            self.close()
            raise self._unusable(error) from error

    def close(self) -> None:
        """Unlock it, and delete it if it is temporary."""
        self._lock.release()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _unusable(self, error: OSError) -> ServerStartError:
        return ServerStartError(f"the data directory {self.path} cannot be used: {error.strerror}")


def _secret(path: Path) -> bytes:
    """The secret that signs playback URLs: made once, readable by its owner only."""
    try:
        kept = path.read_bytes()
        if len(kept) == SECRET_BYTES:
            return kept
    except FileNotFoundError:
        pass
    made = secrets.token_bytes(SECRET_BYTES)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(made)
    return made
