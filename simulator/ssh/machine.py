"""What an SSH session may know about the machine it is on."""

from __future__ import annotations

from typing import Protocol

from simulator.instances import Hardware, Inside


class MachineView(Protocol):
    """Facts about one machine, read at the moment of asking."""

    @property
    def hostname(self) -> str:
        """The container's host name."""
        ...

    @property
    def hardware(self) -> Hardware:
        """GPUs, CPU and disk."""
        ...

    @property
    def inside(self) -> Inside:
        """Load, disk usage, kernel messages."""
        ...

    @property
    def files(self) -> dict[str, bytes]:
        """Uploaded files by absolute path; kept in memory only."""
        ...

    def usable_keys(self, user: str) -> list[str]:
        """Public key lines that open the door for that user now."""
        ...

    def now_s(self) -> float:
        """The simulator's time, epoch seconds."""
        ...

    def uptime_s(self) -> float:
        """Seconds since the machine came up."""
        ...
