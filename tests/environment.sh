# Sets up what demo and run need: a virtual environment in .venv with the program installed from this
# checkout. Sourced by them; sets PYTHON. Set up once, again only after a change of the pinned versions.

cd "$(dirname "$0")/.."
PYTHON=$PWD/.venv/bin/python
pins=packaging/requirements

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

find_python() { # prints the first Python of at least 3.11
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    fail "Python 3.11 or later is needed and was not found on PATH." \
        "Debian, Ubuntu: sudo apt-get install python3 python3-venv    macOS: brew install python"
}

make_environment() {
    python=$(find_python)
    venv=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then # Debian and Ubuntu ship it apart
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            echo "installing $venv"
            apt-get update -qq
            apt-get install -y -qq --no-install-recommends "$venv" >/dev/null
        else
            fail "Python's venv module is not installed. Run: sudo apt-get install $venv"
        fi
    fi
    echo "setting up .venv with $("$python" --version), about half a minute the first time"
    rm -rf .venv
    "$python" -m venv .venv
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes -r $pins/pip.txt
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes -r $pins/tests.txt
    # Python 3.11 puts setuptools into every environment, which slows down each start by its .pth file.
    "$PYTHON" -m pip uninstall --quiet --yes setuptools 2>/dev/null || true
    cat $pins/pip.txt $pins/tests.txt >.venv/pins
}

cat $pins/pip.txt $pins/tests.txt | cmp -s - .venv/pins || make_environment
unset PYTHONPATH PYTHONDONTWRITEBYTECODE
"$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
    --force-reinstall .
