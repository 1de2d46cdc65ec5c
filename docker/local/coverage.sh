#!/usr/bin/env bash
# Coverage of the core by its own tests: a table of its files, and a page of each in $EDF_STATE/coverage/html.
#
# The toolchain's llvm-tools are needed; rustup adds them. The core is built into the target directory of all builds with
# what -C instrument-coverage adds; the crates that it depends on are neither measured nor built again, as they would be
# by cargo-llvm-cov, which sets flags for all. Package edf is named too, so that they have the features of all builds.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

FOLDER=$STATE/coverage
TOOLS=${LLVM_TOOLS:-$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin}
[ -x "$TOOLS/llvm-cov" ] || rustup component add llvm-tools

rm -rf "$FOLDER"
mkdir -p "$FOLDER"
printf '#!/bin/sh\nexec "$@" -C instrument-coverage\n' >"$FOLDER/rustc"
chmod +x "$FOLDER/rustc"
export RUSTC_WORKSPACE_WRAPPER=$FOLDER/rustc LLVM_PROFILE_FILE=$FOLDER/%p-%m.profraw

cargo test --release -p edf -p edf-core --lib --tests
mapfile -t programs < <(cargo test --release -p edf -p edf-core --lib --tests --no-run --message-format json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
"$TOOLS/llvm-profdata" merge --sparse "$FOLDER"/*.profraw -o "$FOLDER/all.profdata"
options=(--instr-profile "$FOLDER/all.profdata" "${programs[@]/#/--object=}" --ignore-filename-regex '/extension/src/|/tests/|tests\.rs$|/\.cargo/|/rustc/')
"$TOOLS/llvm-cov" show --format html --output-dir "$FOLDER/html" "${options[@]}"
"$TOOLS/llvm-cov" report "${options[@]}" | awk -v root="$ROOT/" '
    BEGIN { print "file", "lines", "missed", "covered" }
    $8 ~ /^[0-9]+$/ { sub(root, "", $1); print $1, $8, $9, $10 }' | column -t
