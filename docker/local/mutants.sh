#!/usr/bin/env bash
# Mutation tests of the core: small changes of its code, and which of them no test of the core notices. Ends with 2 if
# there are any; the list is $EDF_STATE/mutants.out/missed.txt.
#
#   docker/local/mutants.sh [OPTION...]      options of cargo mutants, such as
#                                            --file extension/core/src/meter/gauge.rs -- meter::gauge
#
# The default is modules meter, features and intervals, with all tests of the core. A mutant takes a build and a run of
# these: a module takes hours on two cores.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tools.sh"
cd "$ROOT"

[ $# -gt 0 ] || set -- --file 'extension/core/src/meter/*.rs' --file 'extension/core/src/features/*.rs' \
    --file extension/core/src/intervals.rs

install_crate cargo-mutants
# In a copy of the sources, always at the same place: crates that the core depends on are built once.
rm -rf "$CACHE/mutants/sources"
mkdir -p "$CACHE/mutants/sources" "$STATE"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from - --ignore-failed-read |
    tar --extract --directory "$CACHE/mutants/sources"
CARGO_TARGET_DIR=$CACHE/mutants/target exec cargo mutants --dir "$CACHE/mutants/sources" --in-place --package edf-core \
    --profile release --output "$STATE" "$@"
