#!/bin/sh
# The text of a release: its section of CHANGELOG.md, without the heading.
#
#   docker/package/notes.sh VERSION
set -eu
text=$(awk -v heading="## [$1]" '
    index($0, heading) == 1 { inside = 1; next }
    /^## \[/ || /^\[[^]]*\]: / { inside = 0 }
    inside' "$(dirname "$0")/../../CHANGELOG.md")
[ -n "$text" ] || { echo "CHANGELOG.md has no section of $1." >&2; exit 1; }
printf '%s\n' "$text" | sed '1{/^$/d}'
