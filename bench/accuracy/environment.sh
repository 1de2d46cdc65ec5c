# shellcheck shell=bash
# Python environments of the peers, in the cache and separate from the project's; the prepared series. Sourced after
# docker/local/lib.sh.

BENCH=$ROOT/bench/accuracy
PEERS=$CACHE/peers          # everything but OpenSTEF
OPENSTEF=$CACHE/openstef    # needs Python 3.12, which Debian 12 does not have
WORK=$CACHE/accuracy        # series and forecasts

# environment FOLDER REQUIREMENTS PYTHON: created once, and again when the requirements change.
environment() {
    local key
    key=$(sha256sum <"$2")
    if [ "$(cat "$1/done" 2>/dev/null)" = "$key" ] && "$1/bin/python" -c ''; then return; fi
    rm -rf "$1"
    "$3" -m venv "$1"
    "$1/bin/pip" install --progress-bar off --no-cache-dir -r "$2"
    echo "$key" >"$1/done"
}

install_peers() { environment "$PEERS" "$BENCH/requirements.txt" /usr/bin/python3; }

# A Python of at least 3.12: $PYTHON312, or the first one on the path.
newer_python() {
    local name
    for name in "${PYTHON312:-}" python3.12 python3.13 python3.14 python3 "$HOME"/.pyenv/versions/3.1[2-4]*/bin/python; do
        if "$name" -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

install_openstef() { environment "$OPENSTEF" "$BENCH/requirements-openstef.txt" "$(newer_python)"; }

prepare_series() {
    local key
    key=$(cat "$BENCH/series.py" "$ROOT/docker/local/citylearn.py" | sha256sum)
    if [ "$(cat "$WORK/series/done" 2>/dev/null)" = "$key" ]; then return; fi
    "$PEERS/bin/python" "$BENCH/series.py" "$WORK/series" --cache "$CACHE/downloads"
    echo "$key" >"$WORK/series/done"
}
