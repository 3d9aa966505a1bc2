#!/bin/sh
# Prints the first Python 3.11 or later that can make environments: among the commands and versions (3.12) that are
# named, or among the usual ones. A version is looked for on the PATH, then where pyenv keeps its own. Fails where there
# is none.
set -u

[ $# -gt 0 ] || set -- python3.12 python3.13 python3.11 python3 python 3.12 3.13 3.11

good() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' </dev/null >/dev/null 2>&1
}

for wanted in "$@"; do
    case $wanted in
        3.[0-9]*) candidates="python$wanted ${PYENV_ROOT:-${HOME:-/nonexistent}/.pyenv}/versions/$wanted.*/bin/python" ;;
        *) candidates=$wanted ;;
    esac
    for candidate in $candidates; do
        if good "$candidate"; then
            echo "$candidate"
            exit 0
        fi
    done
done
echo "No Python 3.11 or later with its modules venv and ensurepip was found ($*)." >&2
echo "Install one (Debian and Ubuntu: apt install python3 python3-venv), or say make PYTHON=/path/to/python ..." >&2
exit 1
