#!/usr/bin/env bash
# Runs a script of this folder with a private cluster with the extension, which is removed at the end.
#
#   bench/accuracy/with_edf.sh SCRIPT.py [ARGUMENT...]
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
EDF_STATE=${EDF_STATE:-$(cd "$HERE/../.." && pwd)/.edf-bench}
. "$HERE/../../docker/local/lib.sh"
. "$HERE/../../docker/local/cluster.sh"
. "$HERE/../../docker/local/tools.sh"
. "$HERE/environment.sh"

[ $# -gt 0 ] || fail 'usage: bench/accuracy/with_edf.sh SCRIPT.py [ARGUMENT...]'
SCRIPT=$HERE/$1
shift
take_lock
on_end cluster_remove
step 'system packages' 'The output of apt is above: check the network, and whether another apt is running.' \
    install_packages
step 'build and install the extension' 'A cold build takes about 20 minutes; the compiler output is above.' \
    install_extension
step 'environment of the peers' 'PyPI must be reachable.' install_peers
step 'measured series' 'PyPI must be reachable.' prepare_series
cluster_remove
step 'private cluster' 'Required for the measurements.' create_and_start
cluster_env
psql -X -q -d postgres -c 'create database edf'
query -c 'create extension edf'
EDF_LIBRARY=$(extension_library) "$PEERS/bin/python" "$SCRIPT" "$@"
