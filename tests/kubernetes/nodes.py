"""A node that is a folder: its files, its systemd, and a kubelet that starts if it finds what it needs."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.stories.program import PATH

HERE = os.path.dirname(os.path.abspath(__file__))
MANIFESTS = os.path.join(HERE, "..", "..", "packaging", "kubernetes")
SCRIPT = os.path.join(MANIFESTS, "nodes", "install", "node.sh")
NAME = "acr-credential-provider"
RANCHER = "/var/lib/rancher/credentialprovider"
KUBEADM = "/etc/docker-credential-acr/credential-provider.yaml"

# In place of nsenter. A service is active if there is a file of its name; a restart asks "starts".
ON_NODE = r"""#!/bin/sh
PATH=/usr/bin:/bin
echo "$*" >>"$NODE/calls"
case "$1 $2" in
"systemctl is-active") [ -f "$NODE/active/$4" ] ;;
"systemctl daemon-reload") ;;
"systemctl restart")
    rm -f "$NODE/active/$3"
    if [ -s "$NODE/broken" ]; then
        sed 1d "$NODE/broken" >"$NODE/broken.new" && mv "$NODE/broken.new" "$NODE/broken"
        exit 0 # it has started, says systemd, and ends at once
    fi
    if "$NODE/starts"; then touch "$NODE/active/$3"; fi
    ;;
*) program=$1 && shift && exec "$ROOT$program" "$@" ;;
esac
"""
# What a kubelet does at its start: its flags' file and program are there, or it ends.
STARTS = r"""#!/bin/sh
PATH=/usr/bin:/bin
args=$(sed -n 's/^KUBELET_EXTRA_ARGS=//p' "$ROOT"/etc/default/kubelet "$ROOT"/etc/sysconfig/kubelet 2>&-)
config=$(echo "$args" | sed -n 's/.*--image-credential-provider-config=\([^ "]*\).*/\1/p')
folder=$(echo "$args" | sed -n 's/.*--image-credential-provider-bin-dir=\([^ "]*\).*/\1/p')
rancher=/var/lib/rancher/credentialprovider
if [ -d "$ROOT$rancher/bin" ] && [ -f "$ROOT$rancher/config.yaml" ]; then
    config=$rancher/config.yaml folder=$rancher/bin # k3s and RKE2 make the flags themselves
fi
echo "$config $folder" >"$NODE/flags"
[ -n "$config$folder" ] || exit 0
[ -s "$ROOT$config" ] || exit 1
for name in $(sed -n 's/^ *- name: *//p' "$ROOT$config"); do
    target=$(readlink "$ROOT$folder/$name") && [ -x "$ROOT$target" ] || exit 1
done
"""
RUNS = f'exec {PATH} "$@"'
SAYS = """echo '{"auth":{}}'"""
HEALTHY = '#!/bin/sh\nset -- "$NODE"/active/*\n[ -f "$1" ] && echo ok\n'


@dataclass
class FakeNode:
    """``root`` is the node's file system; ``outside`` what the test needs beside it."""

    root: str
    outside: str
    shell: tuple[str, ...] = ("/bin/sh",)
    environ: dict[str, str] = field(default_factory=dict)

    @classmethod
    def made(cls, folder: str, service: str, *files: str) -> "FakeNode":
        root, outside = os.path.join(folder, "root"), os.path.join(folder, "outside")
        node = cls(root, outside)
        for path in ("bin", "active", "config", "settings", "tmp"):
            os.makedirs(os.path.join(outside, path))
        os.makedirs(os.path.join(root, "run/docker-credential-acr"))
        for path in files:
            node.write(path, "")
        node._tool("on_node", ON_NODE)
        node._tool("starts", STARTS)
        node._tool("healthy", HEALTHY)
        node.activate(service)
        node.program("0.1.0")
        shutil.copy(
            os.path.join(MANIFESTS, "providers", "node-identity.yaml"),
            os.path.join(outside, "config", "credential-provider.yaml"),
        )
        node.environ = {
            "PATH": os.path.join(outside, "bin") + ":/usr/bin:/bin",
            "TMPDIR": os.path.join(outside, "tmp"),
            "NODE": outside,
            "ROOT": root,
            "PROGRAM": os.path.join(outside, "program"),
            "CONFIG": os.path.join(outside, "config", "credential-provider.yaml"),
            "SETTINGS": os.path.join(outside, "settings"),
            "ON_NODE": os.path.join(outside, "on_node"),
            "HEALTHY": os.path.join(outside, "healthy"),
            "TRIES": "5",
            "PAUSE": "0",
        }
        return node

    def _tool(self, name: str, text: str) -> None:
        path = os.path.join(self.outside, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def activate(self, service: str) -> None:
        self.outer(f"active/{service}", "")

    def outer(self, name: str, text: str) -> None:
        with open(os.path.join(self.outside, name), "w", encoding="utf-8") as file:
            file.write(text)

    def program(self, version: str, works: str = RUNS) -> None:
        """What the image brings: the installed program, in the place of the frozen one."""
        shutil.rmtree(os.path.join(self.outside, "program"), ignore_errors=True)
        os.makedirs(os.path.join(self.outside, "program", version, "_internal"))
        self._tool(f"program/{version}/docker-credential-acr", f"#!/bin/sh\n{works}\n")
        self.outer(f"program/{version}/_internal/part", version)

    def path(self, name: str) -> str:
        return self.root + name

    def write(self, name: str, text: str) -> None:
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name: str) -> str:
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def run(self, verb: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self.shell, SCRIPT, verb],
            env={**self.environ, **changes},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def done(self, verb: str, **changes: str) -> str:
        """Run it; what it said, which is one line of success."""
        ran = self.run(verb, **changes)
        assert ran.returncode == 0, ran
        assert ran.stdout == ""
        assert ran.stderr.count("\n") == 1, ran
        return ran.stderr

    def refused(self, verb: str, **changes: str) -> str:
        ran = self.run(verb, **changes)
        assert ran.returncode == 1, ran
        assert ran.stdout == ""
        return ran.stderr

    @property
    def calls(self) -> list[str]:
        try:
            with open(os.path.join(self.outside, "calls"), encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def restarts(self) -> int:
        return sum(call.startswith("systemctl restart") for call in self.calls)

    def would_start(self) -> bool:
        """Whether a kubelet that is started now comes up."""
        starts = os.path.join(self.outside, "starts")
        return subprocess.run([starts], env=self.environ, check=False).returncode == 0

    def told(self) -> tuple[str, str]:
        """The configuration and the folder that a kubelet started now is told of."""
        assert self.would_start()
        with open(os.path.join(self.outside, "flags"), encoding="utf-8") as file:
            config, _, folder = file.read().rstrip("\n").partition(" ")
        return config, folder

    def tree(self) -> Mapping[str, str]:
        """Every file and link of the node, and what is in it."""
        found = {}
        for root, folders, names in os.walk(self.root):
            for name in names + [
                each for each in folders if os.path.islink(os.path.join(root, each))
            ]:
                path = os.path.join(root, name)
                if os.path.islink(path):
                    found[path.removeprefix(self.root)] = "-> " + os.readlink(path)
                else:
                    with open(path, encoding="utf-8") as file:
                        found[path.removeprefix(self.root)] = file.read()
        return found

    def leftovers(self) -> list[str]:
        """Temporary files of the script's."""
        return [path for path in self.tree() if re.search(r"\.new(/|$)", path)]
