"""Programs made of Python for a test, installed as the real ones are."""

import os
import sys


def install(folder: str, name: str, code: str) -> str:
    """Write *code* into *folder* as the program *name*, which uses the standard library only; its path.

    On Windows the real `az` is a script of the shell's, too.
    """
    path = os.path.join(folder, name)
    if os.name == "nt":
        with open(path + ".py", "w", encoding="utf-8") as file:
            file.write(code)
        with open(path + ".cmd", "w", encoding="utf-8") as file:
            file.write(f'@"{sys.executable}" -IS "%~dp0{name}.py" %*\n')
        return path + ".cmd"
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!{sys.executable} -IS\n{code}")
    os.chmod(path, 0o755)  # noqa: S103, RUF100
    return path
