#!/bin/sh
# Runs in an upgrade, when the new version is in place and the old one is about to be removed: waits until no
# helper runs from the old one any more. It still has modules to load from there. No helper runs for 30 s.
set -eu
case "${1:-}" in
upgrade | 1) ;; # dpkg's postrm; rpm's preun
*) exit 0 ;;
esac

busy() {
    for program in /proc/[0-9]*/exe; do
        case $(readlink "$program" 2>/dev/null) in "@FOLDER@/"*) return 0 ;; esac
    done
    return 1
}

tries=0
while [ $tries -lt 300 ] && busy; do
    tries=$((tries + 1))
    sleep 0.1
done
