#!/bin/sh
# Writes the lock files in requirements/ anew from pyproject.toml and requirements/build.in.
#
#   scripts/lock.sh             keep what is pinned, add and drop what pyproject.toml asks for
#   scripts/lock.sh --upgrade   move every pin to its newest version
#
# It compiles on the oldest Python supported, because that is where the backports are needed; the
# other versions install the same pins. The machine's own pip settings (mirrors, wheel folders) are
# left aside: the hashes have to be those of every file that the registry publishes.
set -eu
cd "$(dirname "$0")/.."

python=
for candidate in /usr/bin/python3.11 python3.11; do
    if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then python=$candidate && break; fi
done
[ -n "$python" ] || { echo "lock: Python 3.11 with venv is needed to compile the lock" >&2; exit 1; }

unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL PIP_INDEX_URL PIP_NO_INDEX
export PIP_CONFIG_FILE=/dev/null

tools=build/lock-venv
[ -x "$tools/bin/pip-compile" ] || {
    "$python" -m venv --clear "$tools"
    "$tools/bin/pip" install --quiet 'pip-tools>=7.5'
}

compile() {
    output=$1 && shift
    CUSTOM_COMPILE_COMMAND="make lock" "$tools/bin/pip-compile" --quiet \
        --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links \
        --no-emit-trusted-host --no-emit-options --annotation-style=line \
        --output-file "requirements/$output" "$@"
}

compile lock-build.txt "${1:---no-upgrade}" requirements/build.in
compile lock.txt "${1:---no-upgrade}" --extra platform pyproject.toml
compile lock-dev.txt "${1:---no-upgrade}" --extra platform --extra dev --constraint requirements/lock.txt pyproject.toml
grep -c '^[a-z0-9A-Z]' requirements/lock*.txt
