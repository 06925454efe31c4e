"""The machine a run took place on: enough to tell whether two results may be compared, nothing that names it."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_HALF_GIB = 2**29


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor, usable cores, memory and software. `memory_bytes` is 0 where the platform does not tell."""

    cpu: str
    cores: int
    memory_bytes: int
    platform: str
    python: str

    @property
    def fingerprint(self) -> str:
        """A digest that is equal where results are comparable.

        Processor, cores, memory, system and Python's minor version go in. Memory goes in to the half GiB, because a
        new kernel reserves a little more or less of it; the kernel's patch level and the host's name stay out.
        """
        system = self.platform.partition("-")[0]
        parts = (
            self.cpu,
            str(self.cores),
            str(round(self.memory_bytes / _HALF_GIB)),
            system,
            platform.machine(),
            ".".join(self.python.split(".")[:2]),
        )
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()


def this_machine() -> Machine:
    """The machine that this process runs on."""
    return Machine(
        cpu=_cpu_model(),
        cores=usable_cores(),
        memory_bytes=_memory_bytes(),
        platform=f"{platform.system()}-{platform.release()}-{platform.machine()}",
        python=platform.python_version(),
    )


def usable_cores() -> int:
    """The cores that this process may run on, which a container or `taskset` can make fewer than there are."""
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0


def _cpu_model() -> str:
    """The processor's name; the architecture's where the platform keeps the name to itself."""
    return _linux_cpu_model() or _macos_cpu_model() or platform.processor() or platform.machine()


def _linux_cpu_model() -> str:
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    fields = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in fields if name.strip() == "model name"), "")


def _macos_cpu_model() -> str:
    if platform.system() != "Darwin":
        return ""
    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
