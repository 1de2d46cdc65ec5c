#!/usr/bin/env bash
# Packages the extension for one PostgreSQL version, from this checkout.
#
#   docker/package/package.sh PG_CONFIG OUT
#
# Writes to OUT, for the version of PG_CONFIG:
#   postgresql-MAJOR-edf_VERSION-1_ARCH.deb     for the servers of Debian, Ubuntu and PostgreSQL's own apt repository
#   edf-VERSION-pgMAJOR-linux-MACHINE.tar.gz    for any other server: unpack it and run its install.sh
#
# Both have the files of `cargo pgrx package`, the scripts of earlier releases, licences and the SBOM. The same
# source, tools and SOURCE_DATE_EPOCH (default: the time of the commit) give the same bytes.
set -euo pipefail

[ $# = 2 ] || { echo "Usage: docker/package/package.sh PG_CONFIG OUT" >&2; exit 2; }
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
HERE=$ROOT/docker/package
PG_CONFIG=$1
mkdir -p "$2"
OUT=$(cd "$2" && pwd)
MAJOR=$("$PG_CONFIG" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
VERSION=$("$HERE/version.sh")
MACHINE=$(uname -m)
: "${SOURCE_DATE_EPOCH:=$(git -C "$ROOT" log -1 --format=%ct)}"
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
umask 022

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# A server that is not registered with `cargo pgrx init`.
grep -qsF "\"$PG_CONFIG\"" "${PGRX_HOME:-$HOME/.pgrx}/config.toml" || export PGRX_PG_CONFIG_PATH=$PG_CONFIG

# The library and the scripts, each by name: their location depends on the server build.
build() {
    # Not passed to the compilers: build scripts of crates would run again after each change of it.
    (cd "$ROOT" && env -u SOURCE_DATE_EPOCH cargo pgrx package -p edf --no-default-features --features "pg$MAJOR" \
        --pg-config "$PG_CONFIG" --out-dir "$WORK/built")
    mkdir -p "$WORK/files/lib" "$WORK/files/extension" "$WORK/files/doc"
    find "$WORK/built" -name 'edf.so' -exec install -m 0755 {} "$WORK/files/lib" \;
    find "$WORK/built" -name 'edf*.sql' -exec install -m 0644 {} "$WORK/files/extension" \;
    find "$WORK/built" -name 'edf.control' -exec install -m 0644 {} "$WORK/files/extension" \;
    "${EDF_PYTHON:-python3}" "$HERE/order.py" "$WORK/files/extension/edf--$VERSION.sql"
    # Without the linker's build ID: it depends on names of local symbols, which differ between builds of the same code,
    # and which are removed here.
    strip --strip-unneeded --remove-section=.note.gnu.build-id "$WORK/files/lib/edf.so"
    local built packaged
    built=$(cd "$WORK/built" && find . -type f -printf '%f\n' | sort)
    packaged=$(cd "$WORK/files" && find . -type f -printf '%f\n' | sort)
    [ "$built" = "$packaged" ] || {
        echo "cargo pgrx package writes other files than are packaged:" >&2
        diff <(echo "$built") <(echo "$packaged") >&2
        exit 1
    }
    # A dump of an earlier release is restored into an extension of that release, which is then updated.
    find "$ROOT/extension/sql" -name 'edf--*.sql' -not -name 'edf--*--*.sql' -exec install -m 0644 {} "$WORK/files/extension" \;
    install -m 0644 "$ROOT/LICENSE" "$ROOT/CHANGELOG.md" "$WORK/files/doc"
    "${EDF_PYTHON:-python3}" "$HERE/bill.py" "pg$MAJOR" "$WORK/files/doc"
}

# Dependencies on shared libraries, as packages of this Debian.
depends() {
    mkdir -p "$WORK/shlibs/debian"
    printf 'Source: edf\n' >"$WORK/shlibs/debian/control"
    (cd "$WORK/shlibs" && dpkg-shlibdeps -O "$WORK/files/lib/edf.so" 2>"$WORK/shlibs/log") | sed -n 's/^shlibs:Depends=//p'
}

deb() {
    local root=$WORK/deb name=postgresql-$MAJOR-edf needs
    needs=$(depends)
    [ -n "$needs" ] || { cat "$WORK/shlibs/log" >&2; exit 1; }
    mkdir -p "$root/DEBIAN" "$root/usr/lib/postgresql/$MAJOR" "$root/usr/share/postgresql/$MAJOR" "$root/usr/share/doc"
    cp -r "$WORK/files/lib" "$root/usr/lib/postgresql/$MAJOR/lib"
    cp -r "$WORK/files/extension" "$root/usr/share/postgresql/$MAJOR/extension"
    cp -r "$WORK/files/doc" "$root/usr/share/doc/$name"
    # Debian loads libraries that are not executable.
    chmod 0644 "$root/usr/lib/postgresql/$MAJOR/lib/edf.so"
    (cd "$root/usr/share/doc/$name" &&
        mv LICENSE copyright && gzip -9n CHANGELOG.md edf.cdx.json THIRD_PARTY_LICENSES.txt && mv CHANGELOG.md.gz changelog.gz)
    cat >"$root/DEBIAN/control" <<CONTROL
Package: $name
Version: $VERSION-1
Architecture: $(dpkg --print-architecture)
Maintainer: The edf authors
Installed-Size: $(du -sk --apparent-size "$root/usr" | cut -f 1)
Depends: postgresql-$MAJOR, $needs
Section: database
Priority: optional
Description: energy demand forecasting inside PostgreSQL $MAJOR
 An extension that trains forecasting models on any query of a time, a target
 and what is known in advance, keeps them in a registry with approval, and
 forecasts with prediction intervals, as SQL functions. Nothing is preloaded
 and no service is started.
CONTROL
    (cd "$root" && find usr -type f | sort | xargs md5sum >DEBIAN/md5sums)
    find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zgzip --build "$root" "$OUT/${name}_$VERSION-1_$(dpkg --print-architecture).deb"
}

tarball() {
    local name=edf-$VERSION-pg$MAJOR-linux-$MACHINE
    mkdir "$WORK/$name"
    cp -r "$WORK/files/." "$WORK/$name"
    install -m 0755 "$HERE/install.sh" "$WORK/$name"
    tar -C "$WORK" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -cf - "$name" |
        gzip -6n >"$OUT/$name.tar.gz"
}

build
if command -v dpkg-deb >/dev/null; then deb; else echo "No .deb: this machine has no dpkg-deb."; fi
tarball
