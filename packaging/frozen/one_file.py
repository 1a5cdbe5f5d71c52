"""The first lines of the one-file program: it renews inline, as a process would unpack it all anew."""

import os
import sys

if os.name == "posix":
    import posix  # the fast staircase reads the environment there

    posix.environ.setdefault(b"ACR_CRED_REFRESH", b"inline")
os.environ.setdefault("ACR_CRED_REFRESH", "inline")
sys.path.append(f"{sys._MEIPASS}/later")  # type: ignore[attr-defined]  # noqa: SLF001  PyInstaller's

from docker_credential_acr.__main__ import main

sys.exit(main())
