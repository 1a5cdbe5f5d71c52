"""A browser: a program that `BROWSER` names. It opens the sign-in page and sends the form there."""

import os
import sys
from typing import Literal

Mode = Literal["signs_in", "idle", "forger", "query", "broken", "noisy"]

_PROGRAM = '''#!{python} -I
"""Opens its argument as a browser does: GET, and POST of the hidden form."""
import html, json, os, re, sys, urllib.error, urllib.parse, urllib.request

MODE = {mode!r}
with open({log!r}, "a") as file:
    given = {{"argv": sys.argv[1:], "stdin": os.readlink("/proc/self/fd/0")}}
    file.write(json.dumps(given | {{"environ": dict(os.environ)}}) + "\\n")
if MODE == "broken":
    sys.exit(3)
if MODE == "idle":
    sys.exit(0)


def visit(address, form=None):
    """Status and text; a browser shows an error page like any other."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    try:
        with urllib.request.urlopen(address, data, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def shown(what, page):
    with open({log!r}, "a") as file:
        file.write(json.dumps({{what: page}}) + "\\n")


if MODE == "noisy":
    print("CANARY-noise from the browser", flush=True)
status, page = visit(sys.argv[1])
action = re.search('action="([^"]*)"', page)
if not action:
    shown("page", [status, page])
    sys.exit(0)
address = html.unescape(action[1])
form = {{name: html.unescape(value)
        for name, value in re.findall('name="([^"]*)" value="([^"]*)"', page)}}
if MODE == "forger":
    shown("forged", visit(address, {{"code": "CANARY-forged", "state": "forged"}}))
    shown("forged", visit(address, {{"error": "access_denied", "state": ""}}))
    shown("forged", visit(address + "/favicon.ico"))
if MODE == "query":
    shown("query", visit(address + "?" + urllib.parse.urlencode(form)))
    sys.exit(0)
shown("landed", visit(address, form))
'''


class FakeBrowser:
    """Where it is, and what it did."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "browser")
        self.log = os.path.join(folder, "browser.log")

    def lines(self) -> list[str]:
        try:
            with open(self.log, encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []


def install_browser(folder: str | os.PathLike[str], mode: Mode = "signs_in") -> FakeBrowser:
    """Write the program into *folder*; give its `path` as `BROWSER`."""
    os.makedirs(folder, exist_ok=True)
    browser = FakeBrowser(os.fspath(folder))
    text = _PROGRAM.format(python=sys.executable, mode=mode, log=browser.log)
    with open(browser.path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(browser.path, 0o755)
    return browser
