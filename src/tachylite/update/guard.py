"""Who runs a version on trial: a process that is gone without having confirmed it has failed the trial."""

import os
from pathlib import Path


def this_process() -> str:
    """A name for this process that no other has, not even after a restart of the machine."""
    return f"{_boot()}/{os.getpid()}/{_started(os.getpid())}"


def is_alive(process: str) -> bool:
    """Whether a process that `this_process` named still runs."""
    boot, pid, started = process.split("/")
    if boot != _boot():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs, as another user
    return _started(int(pid)) == started


def has_crashed(process: str) -> bool:
    """Whether a process ended while the machine went on, so that no power cut can be the reason."""
    return process.split("/")[0] == _boot() and not is_alive(process)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""  # only Linux tells; elsewhere a number that another process got after a restart may be taken for it


def _started(pid: int) -> str:
    """When a process began, in the kernel's ticks; numbers of processes are used again."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if after_name[0] == "Z" else after_name[19]  # a zombie has ended
    except (OSError, IndexError):
        return ""
