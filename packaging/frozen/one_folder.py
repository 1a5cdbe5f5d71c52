"""The first lines of the frozen program: where the slow path's modules are, and the fast staircase."""

import sys

sys.path.append(f"{sys._MEIPASS}/later")  # type: ignore[attr-defined]  # noqa: SLF001  PyInstaller's

from docker_credential_acr.__main__ import main

sys.exit(main())
