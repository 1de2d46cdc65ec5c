#!/usr/bin/env bash
# Builds a release from a tag: packages for each PostgreSQL version, the sources, PGXN's archive, the text, checksums.
#
#   docker/package/release.sh TAG [MAJOR...]      default: 15 16 18
#
# The tag is vVERSION. Everything is built from the files of the tag in a separate folder, and builds are reproducible;
# the result is in .edf-release/VERSION. A first run compiles everything, 10 to 20 minutes on two cores.
set -euo pipefail
. "$(dirname "$0")/../local/lib.sh"
. "$(dirname "$0")/../local/servers.sh"

TAG=${1:-}
[ -n "$TAG" ] || fail "Name the tag, as in: make release TAG=v$("$ROOT/docker/package/version.sh")"
shift
MAJORS=("$@")
[ $# -gt 0 ] || MAJORS=(15 16 18)
VERSION=${TAG#v}
OUT=${EDF_RELEASE:-$ROOT/.edf-release}/$VERSION
# Always the same folder, with remapped path prefixes: the library contains no path of this machine.
BUILD=$CACHE/release
SOURCE=$BUILD/edf-$VERSION
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC EDF_PYTHON=${EDF_PYTHON:-/usr/bin/python3}

sources() {
    git -C "$ROOT" rev-parse -q --verify "refs/tags/$TAG" >/dev/null || fail "There is no tag $TAG."
    SOURCE_DATE_EPOCH=$(git -C "$ROOT" log -1 --format=%ct "$TAG")
    rm -rf "$SOURCE" "$OUT"
    mkdir -p "$SOURCE" "$OUT"
    # Modified now: cargo would take a file of an older commit for one that it has built.
    git -C "$ROOT" archive "$TAG" | tar -xm -C "$SOURCE"
    local found
    found=$("$SOURCE/docker/package/version.sh")
    [ "$found" = "$VERSION" ] || fail "Tag $TAG is of version $found: Cargo.toml and the tag must agree."
}

# Compiled without the paths of this machine.
packages() {
    local cargo=${CARGO_HOME:-$HOME/.cargo} major config
    export CARGO_TARGET_DIR=$BUILD/target
    local map=("$cargo=/cargo" "$SOURCE=/edf" "$CARGO_TARGET_DIR=/target" "$(rustc --print sysroot)=/rust")
    RUSTFLAGS=$(printf -- '--remap-path-prefix=%s ' "${map[@]}")
    CFLAGS=$(printf -- '-ffile-prefix-map=%s ' "${map[@]}")
    export RUSTFLAGS CFLAGS CXXFLAGS=$CFLAGS
    for major in "${MAJORS[@]}"; do
        config=$(pg_config_of "$major")
        "$SOURCE/docker/package/package.sh" "$config" "$OUT"
    done
}

archives() {
    local name=edf-$VERSION
    git -C "$ROOT" archive --format=tar --prefix="$name/" "$TAG" | gzip -9n >"$OUT/$name.tar.gz"
    "$SOURCE/docker/package/meta.sh" >"$BUILD/META.json"
    git -C "$ROOT" archive --format=zip --prefix="$name/" --add-file="$BUILD/META.json" -o "$OUT/$name-pgxn.zip" "$TAG"
    "$SOURCE/docker/package/notes.sh" "$VERSION" >"$OUT/RELEASE.md"
}

checksums() {
    (cd "$OUT" && rm -f SHA256SUMS && sha256sum -- * >"$BUILD/SHA256SUMS" && mv "$BUILD/SHA256SUMS" . && cat SHA256SUMS)
}

sources
archives
packages
checksums
say "Release $VERSION: $OUT"
