#!/usr/bin/env bash
# Starts nginx in front of PostgREST, and edf-api-log, which records its log of reads; if one ends, so does the other.
#
#   EDF_UPSTREAM         PostgREST: host:port
#   EDF_LISTEN           port, or address:port (default 8443)
#   EDF_CERTIFICATE, EDF_CERTIFICATE_KEY   PEM files
#   PGHOST, PGDATABASE, PGUSER, PGPASSWORD   for role api_log
set -euo pipefail

run=$(mktemp -d)
# The workers of a root master run as another user.
chmod 0755 "$run"
trap 'rm -rf "$run"' EXIT
here=$(dirname "$0")
cp "$here/login.html" "$run"
for file in nginx.conf sign_in.conf pages.conf; do
    sed -e "s|\${RUN}|$run|g" -e "s|\${UPSTREAM}|${EDF_UPSTREAM:?}|g" -e "s|\${LISTEN}|${EDF_LISTEN:-8443}|g" \
        -e "s|\${CERTIFICATE}|${EDF_CERTIFICATE:?}|g" -e "s|\${CERTIFICATE_KEY}|${EDF_CERTIFICATE_KEY:?}|g" \
        "$here/$file" >"$run/$file"
done
mkfifo "$run/log"
edf-api-log <"$run/log" &
log=$!
nginx -e stderr -c "$run/nginx.conf" -g 'daemon off;' >"$run/log" &
nginx=$!
asked=
trap 'asked=1; kill -QUIT "$nginx" 2>/dev/null' TERM INT
# If one of them ends, the other is stopped: no read must go unrecorded.
status=0
wait -n "$nginx" "$log" || status=$?
kill -QUIT "$nginx" 2>/dev/null || true
wait "$nginx" "$log" || true
[ -n "$asked" ] || exit "$((status ? status : 1))"
