"""A program with all that it starts, on Windows: ended together, and at the latest when we end.

There is no process group there that could be ended. ``az`` is a script, and ending its shell would leave
Python behind, which holds our pipes. What a process of a job object starts belongs to the job, and the
system ends all of them when the job's last handle is closed, whatever has ended its holder.
"""

import sys
from dataclasses import dataclass

_KILL_ON_JOB_CLOSE = 0x2000
_EXTENDED_LIMITS = 9  # the number of the structure below
_SET_QUOTA_AND_TERMINATE = 0x0101


@dataclass(frozen=True, slots=True)
class Tree:
    """A job object, by its handle."""

    job: int

    def end(self) -> None:
        _close(self.job)


def of(pid: int) -> Tree | None:
    """Return what the process *pid* has just been put into; None on other systems, or if it cannot be.

    What it may have started in the moment before is not in it.
    """
    if sys.platform == "win32":
        return _job_with(pid)
    return None


if sys.platform == "win32":

    def _job_with(pid: int) -> Tree | None:
        import ctypes  # noqa: PLC0415  for who starts a program

        class Limits(ctypes.Structure):
            """JOBOBJECT_EXTENDED_LIMIT_INFORMATION; only the flags are of interest."""

            _fields_ = (
                ("times", ctypes.c_int64 * 2),
                ("flags", ctypes.c_uint32),
                ("working_set", ctypes.c_size_t * 2),
                ("processes", ctypes.c_uint32),
                ("affinity", ctypes.c_size_t),
                ("classes", ctypes.c_uint32 * 2),
                ("counters", ctypes.c_uint64 * 6),
                ("memory", ctypes.c_size_t * 4),
            )

        kernel = ctypes.WinDLL("kernel32")
        kernel.CreateJobObjectW.restype = kernel.OpenProcess.restype = ctypes.c_void_p
        job = kernel.CreateJobObjectW(None, None)
        process = kernel.OpenProcess(_SET_QUOTA_AND_TERMINATE, 0, pid)
        limits = Limits(flags=_KILL_ON_JOB_CLOSE)
        given = ctypes.c_void_p(job), _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
        tied = kernel.SetInformationJobObject(*given) and kernel.AssignProcessToJobObject(
            ctypes.c_void_p(job), ctypes.c_void_p(process)
        )
        _close(process)
        if not tied:
            _close(job)
        return Tree(job) if tied else None


def _close(handle: int | None) -> None:
    if sys.platform == "win32" and handle:
        import _winapi  # noqa: PLC0415  Windows only

        _winapi.CloseHandle(handle)
