#!/usr/bin/env bash
# Fuzzes a target for some seconds: run.sh TARGET SECONDS. Ends with 1 and the input's file when one is found that panics.
#
#   extension/core/fuzz/run.sh messages 600                   # go on as long as you like: what was learnt is kept in $EDF_CACHE
#   extension/core/fuzz/run.sh messages 0 crash-…             # run that one input again, with its panic
#
# Stable Rust: what -C passes and -C llvm-args ask for is what cargo-fuzz asks for, without a sanitizer, which needs nightly. The code
# is safe Rust; what fuzzing finds are panics, overflows (checked here) and broken promises. With nightly, cargo fuzz run works too.
set -euo pipefail
cd "$(dirname "$0")"
target=$1 seconds=$2
shift 2
work=${EDF_CACHE:-$HOME/.cache/edf}/fuzz
mkdir -p "$work/corpus/$target" "$work/artifacts"

flags=(--cfg fuzzing -C passes=sancov-module)
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    flags+=(-C "llvm-args=-sanitizer-coverage-$option")
done
# A target is named so that build scripts and macros are built without coverage.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="${flags[*]} -C codegen-units=1" cargo build --release --locked --target "$host" --target-dir "$work/target" --bin "$target"

options=(-max_len=4096 -timeout=10 -rss_limit_mb=2048 "-artifact_prefix=$work/artifacts/" -print_final_stats=1)
[ ! -f "$target.dict" ] || options+=("-dict=$target.dict")
if [ $# -gt 0 ]; then
    exec "$work/target/$host/release/$target" "${options[@]}" "$@"
fi
exec "$work/target/$host/release/$target" "${options[@]}" "-max_total_time=$seconds" "$work/corpus/$target" "seeds/$target"
