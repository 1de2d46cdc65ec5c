#!/usr/bin/env bash
# Stops the demo's servers. `clean` also removes their data, `purge` also the caches and the installed extension.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/cluster.sh"
. "$(dirname "$0")/tools.sh"
. "$(dirname "$0")/api.sh"

stop_state() {
    STATE=$1
    [ -d "$STATE" ] || return 0
    take_lock
    api_stop
    cluster_stop
    say "Stopped: no server of $STATE is running."
}

remove_state() {
    STATE=$1
    stop_state "$1"
    [ -d "$STATE" ] || return 0
    cluster_remove
    rm -rf "$STATE"
    say "Removed: $STATE"
}

case ${1:-stop} in
stop) stop_state "$STATE" ;;
clean | purge)
    remove_state "$STATE"
    remove_state "$ROOT/.edf-test"
    remove_state "$ROOT/.edf-bench"
    remove_state "$ROOT/.edf-versions"
    rm -rf "$ROOT"/dbt/{target,logs}
    ;;
esac
if [ "${1:-}" = clean ]; then
    say "The caches in $CACHE and the installed extension are kept: make purge removes them."
elif [ "${1:-}" = purge ]; then
    uninstall_extension
    rm -rf "$CACHE"
    say "Removed: $CACHE and the extension's files."
fi
