#!/bin/sh
# Puts the kubelet's credential provider on a node, or takes it away again. The node's root is $ROOT.
#
#   node.sh install      the program, its configuration, then the kubelet's flags; the kubelet is restarted
#   node.sh uninstall    the same backwards
#
# A kubelet whose flags name a program or a file that is not there does not start. So whatever they name is
# there before they do and goes after they do not, wherever this script is ended; it can be run again. Files
# are replaced whole, by a rename. If the kubelet does not come back, all is put back and it is started again.
set -eu
umask 022

ROOT=${ROOT-/host}
PROGRAM=${PROGRAM-/program/docker-credential-acr} # a folder for each version, as the image has them
CONFIG=${CONFIG-/config/credential-provider.yaml}
SETTINGS=${SETTINGS-/settings} # may be empty: config.toml and what it names
TRIES=${TRIES-60} # of two seconds
NAME=acr-credential-provider
MARK='# installed by docker-credential-acr'
PREFIX=/opt/docker-credential-acr
ETC=/etc/docker-credential-acr
FLAG=--image-credential-provider

say() { echo "node.sh: $*" >&2; }
fail() {
    say "$*"
    exit 1
}
healthy() { ${HEALTHY-wget -q -T 2 -O - http://127.0.0.1:10248/healthz} | grep -qx ok; }
on_node() { ${ON_NODE-nsenter --target 1 --mount --} "$@"; }

# -- what kind of node this is, and where it has things

places() { # sets KIND, BIN, FILE, FLAGS and SERVICES
    KIND=${KIND-}
    [ -n "$KIND" ] || for kind in rke2 k3s; do
        [ ! -d "$ROOT/var/lib/rancher/$kind" ] || KIND=${KIND:-$kind}
    done
    [ -n "$KIND" ] || [ ! -f "$ROOT/var/lib/kubelet/kubeadm-flags.env" ] || KIND=kubeadm
    BIN=/var/lib/rancher/credentialprovider/bin FILE=/var/lib/rancher/credentialprovider/config.yaml FLAGS=
    case $KIND in
    k3s) SERVICES='k3s k3s-agent' ;;
    rke2) SERVICES='rke2-server rke2-agent' ;;
    kubeadm) BIN=$PREFIX/kubelet FILE=$ETC/credential-provider.yaml FLAGS=$(flags_file) SERVICES=kubelet ;;
    *) fail "this is no node of kubeadm, k3s or RKE2; see docs/kubernetes.md for others" ;;
    esac
}

flags_file() { # where kubeadm's package reads KUBELET_EXTRA_ARGS from
    for folder in etc/systemd/system usr/lib/systemd/system lib/systemd/system; do
        if grep -qs /etc/sysconfig/kubelet "$ROOT/$folder"/kubelet.service.d/*.conf; then
            echo /etc/sysconfig/kubelet
            return
        fi
    done
    echo /etc/default/kubelet
}

service() { # the one that runs here
    for service in $SERVICES; do
        if on_node systemctl is-active --quiet "$service"; then
            echo "$service"
            return
        fi
    done
    fail "none of these services is active: $SERVICES"
}

# -- files, each of them whole or not there

write() { # write PATH MODE: standard input becomes the node's file
    mkdir -p "$ROOT${1%/*}"
    (umask 077 && cat >"$ROOT$1.new")
    chmod "$2" "$ROOT$1.new"
    mv -f "$ROOT$1.new" "$ROOT$1"
}

same() { [ -f "$ROOT$2" ] && cmp -s "$1" "$ROOT$2"; }

version() { # prints the folder's name on the node: version and content
    cd "$PROGRAM"
    for folder in [0-9]*; do
        [ ! -x "$folder/docker-credential-acr" ] || found=$folder
    done
    cd "${found-/nowhere}"
    echo "$found-$(find . -type f -exec cksum {} + | sort | cksum | cut -d ' ' -f 1)"
}

put_program() { # sets VERSION
    VERSION=$(version) || fail "the image has no program in $PROGRAM"
    [ ! -d "$ROOT$PREFIX/$VERSION" ] || return 0
    mkdir -p "$ROOT$PREFIX"
    rm -rf "$ROOT$PREFIX/.new"
    cp -a "$PROGRAM/${VERSION%-*}" "$ROOT$PREFIX/.new"
    mv "$ROOT$PREFIX/.new" "$ROOT$PREFIX/$VERSION"
}

check_program() { # does it run there? an image is no registry of ours
    version=credentialprovider.kubelet.k8s.io/v1
    asked="{\"kind\":\"CredentialProviderRequest\",\"apiVersion\":\"$version\",\"image\":\"example.com/x\"}"
    echo "$asked" | on_node "$PREFIX/$VERSION/docker-credential-acr" kubelet | grep -q '"auth":{}' ||
        fail "the program does not run on this node; nothing was changed for the kubelet"
}

link() { # link TARGET
    mkdir -p "$ROOT$BIN"
    ln -sfn "$1" "$ROOT$BIN/.$NAME.new"
    mv -f "$ROOT$BIN/.$NAME.new" "$ROOT$BIN/$NAME"
}

put_settings() { # settings are for root alone; those that are gone are taken away
    [ -d "$SETTINGS" ] || return 0
    list=
    for file in "$SETTINGS"/*; do
        [ -f "$file" ] || continue
        name=${file##*/}
        list="$list$name
"
        cmp -s "$file" "$ROOT$ETC/$name" 2>/dev/null || write "$ETC/$name" 600 <"$file"
    done
    drop_settings "$list"
    [ -z "$list" ] || printf %s "$list" | write "$ETC/.installed" 600
}

drop_settings() { # drop_settings KEPT: removes what an earlier run has put there and KEPT does not list
    [ -f "$ROOT$ETC/.installed" ] || return 0
    while read -r name; do
        printf %s "$1" | grep -qxF -- "$name" || rm -f "$ROOT$ETC/$name"
    done <"$ROOT$ETC/.installed"
    [ -n "$1" ] || rm -f "$ROOT$ETC/.installed"
}

# -- the kubelet's flags, where a file of the node has them

extra_args() { # the value of KUBELET_EXTRA_ARGS without quotes and without our flags
    [ -f "$ROOT$FLAGS" ] || return 0
    sed -n 's/^[[:space:]]*KUBELET_EXTRA_ARGS=//p' "$ROOT$FLAGS" | tail -n 1 |
        sed -e 's/[[:space:]]*$//' -e "s/^'\\(.*\\)'\$/\\1/" -e 's/^"\(.*\)"$/\1/' \
            -e "s# *$FLAG-config=$FILE##" -e "s# *$FLAG-bin-dir=$BIN##"
}

check_flags() { # another provider's are not ours to change
    if [ -f "$ROOT$FILE" ] && ! head -n 1 "$ROOT$FILE" | grep -qxF "$MARK"; then
        fail "$FILE is somebody else's: add our provider to it by hand (docs/kubernetes.md)"
    fi
    [ -n "$FLAGS" ] || return 0
    others=$(extra_args)
    case "$others" in *"$FLAG"*) fail "$FLAGS names another provider: $FLAG..." ;; esac
    case "$others" in *[\"\'\\]*) fail "$FLAGS has quotes inside KUBELET_EXTRA_ARGS: add our flags by hand" ;; esac
    ! grep -qs -e "$FLAG" "$ROOT/var/lib/kubelet/kubeadm-flags.env" ||
        fail "kubeadm-flags.env names another provider: $FLAG..."
}

with_flags() { # with_flags FLAG...: the file with these in place of ours; nothing if nothing is left
    own=$(extra_args)
    line="$own${own:+${1+ }}$*"
    grep -sv '^[[:space:]]*KUBELET_EXTRA_ARGS=' "$ROOT$FLAGS" || true
    [ -z "$line" ] || printf 'KUBELET_EXTRA_ARGS="%s"\n' "$line"
}

put_flags() { # put_flags FILE: its content; an empty one leaves no file
    [ -n "$FLAGS" ] || return 0
    if [ -s "$1" ]; then write "$FLAGS" 644 <"$1"; else rm -f "$ROOT$FLAGS"; fi
}

# -- the kubelet

restart() { # restarts it and waits until it is well: three times in a row
    on_node systemctl daemon-reload
    on_node systemctl restart "$SERVICE" || return 1
    well=0 tries=0
    while [ $tries -lt "$TRIES" ]; do
        tries=$((tries + 1))
        if on_node systemctl is-active --quiet "$SERVICE" && healthy; then
            well=$((well + 1))
            [ $well -lt 3 ] || return 0
        else
            well=0
        fi
        sleep "${PAUSE-2}"
    done
    return 1
}

restart_unless_running() { # .running: the kubelet was started with what is there now, and came back
    [ ! -f "$ROOT$PREFIX/.running" ] || return 0
    restart || return 1
    echo "$VERSION" | write "$PREFIX/.running" 644
}

keep() { # what there is now, for put_back
    WORK=$(mktemp -d)
    OLD_LINK=$(readlink "$ROOT$BIN/$NAME" || true)
    [ ! -f "$ROOT$FILE" ] || cp -p "$ROOT$FILE" "$WORK/config"
    [ -z "$FLAGS" ] || [ ! -f "$ROOT$FLAGS" ] || cp -p "$ROOT$FLAGS" "$WORK/flags"
    touch "$WORK/none"
}

put_back() { # flags first: then nothing names the other two
    if [ -f "$WORK/flags" ]; then put_flags "$WORK/flags"; else put_flags "$WORK/none"; fi
    if [ -f "$WORK/config" ]; then write "$FILE" 644 <"$WORK/config"; else rm -f "$ROOT$FILE"; fi
    if [ -n "$OLD_LINK" ]; then link "$OLD_LINK"; else rm -f "$ROOT$BIN/$NAME"; fi
}

install() {
    places
    check_flags
    SERVICE=$(service)
    put_program
    check_program
    keep
    { echo "$MARK" && cat "$CONFIG"; } >"$WORK/new-config"
    [ -z "$FLAGS" ] || with_flags "$FLAG-config=$FILE" "$FLAG-bin-dir=$BIN" >"$WORK/new-flags"
    # Before the first change: a run that is ended in the middle has its kubelet restarted by the next one.
    if ! same "$WORK/new-config" "$FILE" || { [ -n "$FLAGS" ] && ! same "$WORK/new-flags" "$FLAGS"; }; then
        rm -f "$ROOT$PREFIX/.running"
    fi
    put_settings
    link "$PREFIX/$VERSION/docker-credential-acr"
    same "$WORK/new-config" "$FILE" || write "$FILE" 644 <"$WORK/new-config"
    [ -z "$FLAGS" ] || same "$WORK/new-flags" "$FLAGS" || put_flags "$WORK/new-flags"
    if ! restart_unless_running; then
        say "the kubelet did not come back; everything is put back"
        put_back
        restart || say "nor did it after that: journalctl --unit $SERVICE"
        exit 1
    fi
    for folder in "$ROOT$PREFIX"/[0-9]*; do # the version before may still be starting somewhere
        case "$VERSION $OLD_LINK/" in *"${folder##*/}"[\ /]*) ;; *) rm -rf "$folder" ;; esac
    done
    say "installed $VERSION ($KIND)"
}

uninstall() {
    places
    if [ -f "$ROOT$FILE" ] && ! head -n 1 "$ROOT$FILE" | grep -qxF "$MARK"; then
        fail "$FILE is somebody else's; nothing was changed"
    fi
    SERVICE=$(service)
    keep
    if [ -e "$ROOT$PREFIX" ]; then
        rm -f "$ROOT$PREFIX/.running"
        if [ -n "$FLAGS" ]; then
            with_flags >"$WORK/new-flags"
            put_flags "$WORK/new-flags"
        else # k3s and RKE2 make the flags when they start, where the file is there
            rm -f "$ROOT$FILE"
        fi
        restart || fail "the kubelet does not come back: journalctl --unit $SERVICE"
    fi
    rm -f "$ROOT$FILE" "$ROOT$BIN/$NAME"
    drop_settings ''
    rm -rf "$ROOT$PREFIX" "$ROOT/run/docker-credential-acr"
    for folder in "$BIN" "${BIN%/*}" "$ETC"; do
        rmdir "$ROOT$folder" 2>/dev/null || true
    done
    say "uninstalled ($KIND)"
}

case "${1-}" in
install | uninstall) "$1" ;;
*) fail "usage: node.sh install|uninstall" ;;
esac
