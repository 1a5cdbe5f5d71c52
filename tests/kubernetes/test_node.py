"""The steps of the DaemonSet, run by a shell on folders that look like nodes."""

import os
import shutil
import stat
from collections.abc import Callable

import pytest

from tests.kubernetes.nodes import KUBEADM, NAME, RANCHER, SAYS, FakeNode

EXTRA = "/etc/default/kubelet"
FLAGS_ENV = "/var/lib/kubelet/kubeadm-flags.env"
SHELLS = {
    "sh": ("/bin/sh",),
    **({"busybox": ("busybox", "sh")} if shutil.which("busybox") else {}),
}


@pytest.fixture
def kubeadm(tmp_path: str) -> FakeNode:
    node = FakeNode.made(str(tmp_path), "kubelet")
    node.write(
        FLAGS_ENV, 'KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///run/x.sock"\n'
    )
    return node


def rancher(kind: str, service: str) -> Callable[[str], FakeNode]:
    return lambda folder: FakeNode.made(folder, service, f"/var/lib/rancher/{kind}/agent/x")


KINDS = {
    "k3s": ("k3s", "k3s-agent"),
    "k3s server": ("k3s", "k3s"),
    "rke2": ("rke2", "rke2-agent"),
    "rke2 server": ("rke2", "rke2-server"),
}


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
def test_kubeadm_from_nothing_and_back(kubeadm: FakeNode, shell: tuple[str, ...]) -> None:
    kubeadm.shell = shell
    before = kubeadm.tree()
    said = kubeadm.done("install")
    assert "(kubeadm)" in said
    assert kubeadm.told() == (KUBEADM, "/opt/docker-credential-acr/kubelet")
    assert kubeadm.restarts() == 1
    assert "matchImages" in kubeadm.read(KUBEADM)
    assert kubeadm.leftovers() == []
    assert "(kubeadm)" in kubeadm.done("uninstall")
    assert kubeadm.tree() == before
    assert kubeadm.restarts() == 2
    assert kubeadm.told() == ("", "")


@pytest.mark.parametrize(("kind", "service"), KINDS.values(), ids=KINDS)
def test_k3s_and_rke2_look_for_it_themselves(tmp_path: str, kind: str, service: str) -> None:
    node = rancher(kind, service)(str(tmp_path))
    before = node.tree()
    assert f"({kind})" in node.done("install")
    assert node.told() == (f"{RANCHER}/config.yaml", f"{RANCHER}/bin")
    assert f"systemctl restart {service}" in node.calls
    assert node.leftovers() == []
    node.done("uninstall")
    assert node.tree() == before
    assert node.told() == ("", "")
    assert not os.path.exists(node.path(RANCHER))


def test_rpm_nodes_have_their_flags_elsewhere(kubeadm: FakeNode) -> None:
    drop_in = "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"
    kubeadm.write(drop_in, "[Service]\nEnvironmentFile=-/etc/sysconfig/kubelet\n")
    kubeadm.done("install")
    assert "image-credential-provider" in kubeadm.read("/etc/sysconfig/kubelet")
    assert not os.path.exists(kubeadm.path(EXTRA))


def test_the_program_is_what_the_kubelet_starts(kubeadm: FakeNode) -> None:
    kubeadm.done("install")
    link = kubeadm.path(f"/opt/docker-credential-acr/kubelet/{NAME}")
    target = os.readlink(link)
    assert target.startswith("/opt/docker-credential-acr/0.1.0-")
    assert os.access(kubeadm.path(target), os.X_OK)
    assert os.path.exists(os.path.dirname(kubeadm.path(target)) + "/_internal/part")


def test_a_second_run_changes_nothing(kubeadm: FakeNode) -> None:
    kubeadm.done("install")
    before = kubeadm.tree()
    kubeadm.done("install")
    assert kubeadm.tree() == before
    assert kubeadm.restarts() == 1


def test_a_new_version_needs_no_restart(kubeadm: FakeNode) -> None:
    """The kubelet starts what has that name; the version before stays for those just starting."""
    kubeadm.done("install")
    for version in ("0.2.0", "0.3.0"):
        kubeadm.program(version)
        kubeadm.done("install")
    target = os.readlink(kubeadm.path(f"/opt/docker-credential-acr/kubelet/{NAME}"))
    assert "/0.3.0-" in target
    kept = [
        name for name in os.listdir(kubeadm.path("/opt/docker-credential-acr")) if name[0] == "0"
    ]
    assert sorted(name.partition("-")[0] for name in kept) == ["0.2.0", "0.3.0"]
    assert kubeadm.restarts() == 1
    assert kubeadm.would_start()


def test_another_build_of_a_version_is_another(kubeadm: FakeNode) -> None:
    kubeadm.done("install")
    first = os.readlink(kubeadm.path(f"/opt/docker-credential-acr/kubelet/{NAME}"))
    kubeadm.outer("program/0.1.0/_internal/part", "another")
    kubeadm.done("install")
    assert os.readlink(kubeadm.path(f"/opt/docker-credential-acr/kubelet/{NAME}")) != first


def test_a_changed_configuration_is_read_by_a_new_start(kubeadm: FakeNode) -> None:
    kubeadm.done("install")
    with open(kubeadm.environ["CONFIG"], "a", encoding="utf-8") as file:
        file.write("# changed\n")
    kubeadm.done("install")
    assert kubeadm.read(KUBEADM).endswith("# changed\n")
    assert kubeadm.restarts() == 2


OWN = {
    "double": ('KUBELET_EXTRA_ARGS="--node-ip=10.0.0.1 --v=2"\n', "--node-ip=10.0.0.1 --v=2"),
    "single": ("KUBELET_EXTRA_ARGS='--node-ip=10.0.0.1'\n", "--node-ip=10.0.0.1"),
    "none": ("KUBELET_EXTRA_ARGS=--node-ip=10.0.0.1\n", "--node-ip=10.0.0.1"),
    "empty": ("KUBELET_EXTRA_ARGS=\n", ""),
    "with others": ('# mine\nOTHER=x\nKUBELET_EXTRA_ARGS="--v=2"\n', "--v=2"),
}


@pytest.mark.parametrize(("content", "own"), OWN.values(), ids=OWN)
def test_the_nodes_own_flags_stay(kubeadm: FakeNode, content: str, own: str) -> None:
    kubeadm.write(EXTRA, content)
    kubeadm.done("install")
    lines = kubeadm.read(EXTRA).splitlines()
    ours = "--image-credential-provider-config=" + KUBEADM
    assert lines[-1].startswith(f'KUBELET_EXTRA_ARGS="{own}{" " if own else ""}{ours} --image-')
    others = [line for line in content.splitlines() if not line.startswith("KUBELET")]
    assert lines[:-1] == others
    kubeadm.done("uninstall")
    left = kubeadm.read(EXTRA) if os.path.exists(kubeadm.path(EXTRA)) else ""
    assert left.splitlines() == [*others, *([f'KUBELET_EXTRA_ARGS="{own}"'] if own else [])]


FOREIGN = {
    "a flag": (EXTRA, 'KUBELET_EXTRA_ARGS="--image-credential-provider-config=/x"\n'),
    "kubeadm's": (FLAGS_ENV, 'KUBELET_KUBEADM_ARGS="--image-credential-provider-bin-dir=/x"\n'),
    "quotes": (EXTRA, "KUBELET_EXTRA_ARGS=\"--node-labels='a=b'\"\n"),
    "a configuration": (KUBEADM, "apiVersion: kubelet.config.k8s.io/v1\n"),
}


@pytest.mark.parametrize(("path", "content"), FOREIGN.values(), ids=FOREIGN)
def test_what_somebody_else_has_set_up_is_left_alone(
    kubeadm: FakeNode, path: str, content: str
) -> None:
    kubeadm.write(path, content)
    before = kubeadm.tree()
    assert "by hand" in kubeadm.refused("install") or "another provider" in kubeadm.refused(
        "install"
    )
    assert kubeadm.tree() == before
    assert kubeadm.restarts() == 0


def test_a_program_that_does_not_run_there_is_not_installed(kubeadm: FakeNode) -> None:
    """Another processor, another C library: found before anything is changed for the kubelet."""
    kubeadm.program("0.1.0", works="exit 127")
    assert "does not run" in kubeadm.refused("install")
    assert kubeadm.told() == ("", "")
    assert not os.path.exists(kubeadm.path(KUBEADM))


def test_without_a_program_nothing_happens(kubeadm: FakeNode) -> None:
    shutil.rmtree(kubeadm.environ["PROGRAM"])
    before = kubeadm.tree()
    assert "no program" in kubeadm.refused("install")
    assert kubeadm.tree() == before


def test_no_node_that_it_knows(tmp_path: str) -> None:
    node = FakeNode.made(str(tmp_path), "kubelet")
    assert "docs/kubernetes.md" in node.refused("install")
    assert node.tree() == {}


def test_no_service_that_it_knows(kubeadm: FakeNode) -> None:
    os.unlink(os.path.join(kubeadm.outside, "active", "kubelet"))
    before = kubeadm.tree()
    assert "active" in kubeadm.refused("install")
    assert kubeadm.tree() == before


def test_a_kubelet_that_does_not_come_back_has_all_put_back(kubeadm: FakeNode) -> None:
    kubeadm.write(EXTRA, 'KUBELET_EXTRA_ARGS="--v=2"\n')
    before = kubeadm.tree()
    kubeadm.outer("broken", "once\n")
    assert "put back" in kubeadm.refused("install")
    after = {path: text for path, text in kubeadm.tree().items() if not path.startswith("/opt/")}
    assert after == before
    assert kubeadm.restarts() == 2
    assert os.path.exists(os.path.join(kubeadm.outside, "active", "kubelet"))


def test_an_upgrade_that_fails_leaves_the_version_before(kubeadm: FakeNode) -> None:
    kubeadm.done("install")
    before = kubeadm.tree()
    with open(kubeadm.environ["CONFIG"], "a", encoding="utf-8") as file:
        file.write("# changed\n")
    kubeadm.program("0.2.0")
    kubeadm.outer("broken", "once\n")
    assert "put back" in kubeadm.refused("install")
    assert kubeadm.told() == (KUBEADM, "/opt/docker-credential-acr/kubelet")
    for path in (KUBEADM, EXTRA, f"/opt/docker-credential-acr/kubelet/{NAME}"):
        assert kubeadm.tree()[path] == before[path]
    kubeadm.done("install")
    assert kubeadm.read(KUBEADM).endswith("# changed\n")


def test_a_kubelet_that_never_comes_back_is_said(kubeadm: FakeNode) -> None:
    kubeadm.outer("broken", "once\ntwice\n")
    assert "journalctl" in kubeadm.refused("install")


def test_the_nodes_settings_are_roots_alone(kubeadm: FakeNode) -> None:
    """Those that are gone from the Secret go from the node, too."""
    kubeadm.outer("settings/config.toml", "[defaults]\n")
    kubeadm.outer("settings/client-secret", "CANARY")
    kubeadm.done("install")
    for name in ("config.toml", "client-secret"):
        found = os.stat(kubeadm.path(f"/etc/docker-credential-acr/{name}"))
        assert stat.S_IMODE(found.st_mode) == 0o600
    os.unlink(os.path.join(kubeadm.environ["SETTINGS"], "client-secret"))
    kubeadm.write("/etc/docker-credential-acr/own.toml", "mine")
    kubeadm.done("install")
    assert kubeadm.restarts() == 1
    assert sorted(os.listdir(kubeadm.path("/etc/docker-credential-acr"))) == [
        ".installed",
        "config.toml",
        "credential-provider.yaml",
        "own.toml",
    ]
    kubeadm.done("uninstall")
    assert os.listdir(kubeadm.path("/etc/docker-credential-acr")) == ["own.toml"]


def test_uninstall_on_a_node_without_it(kubeadm: FakeNode) -> None:
    kubeadm.write(EXTRA, 'KUBELET_EXTRA_ARGS="--v=2"\n')
    before = kubeadm.tree()
    kubeadm.done("uninstall")
    assert kubeadm.tree() == before
    assert kubeadm.restarts() == 0


def test_usage(kubeadm: FakeNode) -> None:
    assert "usage" in kubeadm.refused("remove")


STEPS = ("mv", "ln", "rm", "cp", "mkdir", "chmod", "cat", "rmdir")
SHIM = r"""#!/bin/sh
PATH=/usr/bin:/bin
count=$(($(cat "$NODE/count") + 1))
echo $count >"$NODE/count"
[ $count != "$KILLED_AT" ] || kill -9 $PPID
exec ${0##*/} "$@"
"""


@pytest.mark.parametrize("verb", ["install", "uninstall"])
@pytest.mark.parametrize("kind", ["kubeadm", "k3s"])
def test_killed_at_any_step_the_kubelet_starts_and_the_next_run_ends_well(
    tmp_path: str, kind: str, verb: str
) -> None:
    killed = 0
    for step in range(1, 200):
        folder = os.path.join(tmp_path, str(step))
        if kind == "kubeadm":
            node = FakeNode.made(folder, "kubelet")
            node.write(FLAGS_ENV, "")
        else:
            node = rancher("k3s", "k3s")(folder)
        node.outer("settings/config.toml", "[defaults]\n")
        node.program("0.1.0", works=SAYS)
        before = node.tree()
        if verb == "uninstall":
            node.done("install")
        shims(node)
        ran = node.run(verb, KILLED_AT=str(step))
        if ran.returncode == 0:
            break
        killed += 1
        assert node.would_start(), f"killed at {step}"
        for name in STEPS:
            os.unlink(os.path.join(node.outside, "bin", name))
        node.done(verb)
        assert node.leftovers() == []
        assert node.would_start()
        if verb == "uninstall":
            assert node.tree() == before
        else:
            assert node.told() != ("", "")
            running = node.restarts() - (verb == "uninstall")
            assert running >= 1, "the kubelet runs with what is there"
        shutil.rmtree(folder)
    assert killed > 8


def shims(node: FakeNode) -> None:
    """Every step that changes something is counted, and one of them is the last."""
    node.outer("count", "0")
    for name in STEPS:
        node.outer(f"bin/{name}", SHIM)
        os.chmod(os.path.join(node.outside, "bin", name), 0o755)
