"""SFTP on a machine: files live in memory, the host's disk is never touched."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator

import asyncssh

_HOME = "/root"
_FOLDERS = {"/", _HOME, "/tmp", "/workspace", "/root/.ssh"}  # noqa: S108 - names only
_FILE_MODE = 0o100644
_FOLDER_MODE = 0o040755


class _Handle:
    def __init__(self, path: str) -> None:
        self.path = path


class Files(asyncssh.SFTPServer):
    """Reading, writing, listing, renaming and removing of plain files."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], files: dict[str, bytes]) -> None:
        super().__init__(channel)
        self._files = files

    def map_path(self, path: bytes) -> bytes:
        """Absolute, seen from the home folder."""
        return posixpath.normpath(posixpath.join(_HOME.encode(), path))

    def realpath(self, path: bytes) -> bytes:
        """The absolute path; there are no links."""
        return self.map_path(path)

    def open(self, path: bytes, pflags: int, _attrs: asyncssh.SFTPAttrs) -> object:
        """Open by the usual flags. Raises SFTPNoSuchFile."""
        name = self._name(path)
        missing = name not in self._files
        if missing and not pflags & asyncssh.FXF_CREAT:
            raise asyncssh.SFTPNoSuchFile("No such file")
        if missing or pflags & asyncssh.FXF_TRUNC:
            self._files[name] = b""
        return _Handle(name)

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Some bytes."""
        return self._files[_path(file_obj)][offset : offset + size]

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Write at an offset; a gap is filled with zeros."""
        path = _path(file_obj)
        old = self._files[path].ljust(offset, b"\0")
        self._files[path] = old[:offset] + data + old[offset + len(data) :]
        return len(data)

    def close(self, _file_obj: object) -> None:
        """Nothing to give back."""

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """Size and kind. Raises SFTPNoSuchFile."""
        return self._attributes(self._name(path))

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """As stat: there are no links."""
        return self.stat(path)

    def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        """As stat, for an open file."""
        return self._attributes(_path(file_obj))

    def setstat(self, path: bytes, _attrs: asyncssh.SFTPAttrs) -> None:
        """Modes and times are accepted and forgotten. Raises SFTPNoSuchFile."""
        self.stat(path)

    def fsetstat(self, _file_obj: object, _attrs: asyncssh.SFTPAttrs) -> None:
        """As setstat."""

    def remove(self, path: bytes) -> None:
        """Delete a file. Raises SFTPNoSuchFile."""
        if self._files.pop(self._name(path), None) is None:
            raise asyncssh.SFTPNoSuchFile("No such file")

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Move a file. Raises SFTPNoSuchFile."""
        name = self._name(oldpath)
        if name not in self._files:
            raise asyncssh.SFTPNoSuchFile("No such file")
        self._files[self._name(newpath)] = self._files.pop(name)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """As rename."""
        self.rename(oldpath, newpath)

    def mkdir(self, path: bytes, _attrs: asyncssh.SFTPAttrs) -> None:
        """Folders exist when something is in them."""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        """The files directly in a folder."""
        folder = self._name(path)
        for name in sorted(self._files):
            if posixpath.dirname(name) == folder:
                entry = posixpath.basename(name).encode()
                yield asyncssh.SFTPName(entry, b"", self._attributes(name))

    def exit(self) -> None:
        """The client is done; scp takes a missing exit status for a failure."""
        self.channel.exit(0)

    def _name(self, path: bytes) -> str:
        return self.map_path(path).decode(errors="replace")

    def _attributes(self, name: str) -> asyncssh.SFTPAttrs:
        if name in self._files:
            size = len(self._files[name])
            return asyncssh.SFTPAttrs(size=size, permissions=_FILE_MODE, uid=0, gid=0)
        if name in _FOLDERS or any(other.startswith(name + "/") for other in self._files):
            return asyncssh.SFTPAttrs(size=0, permissions=_FOLDER_MODE, uid=0, gid=0)
        raise asyncssh.SFTPNoSuchFile("No such file")


def _path(file_obj: object) -> str:
    if not isinstance(file_obj, _Handle):
        raise asyncssh.SFTPFailure("not an open file")
    return file_obj.path
