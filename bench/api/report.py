"""The table of api.sh, from lines of what|connections|requests per second|p50|p99|maximum|errors."""

import sys

print("| what | connections | requests/s | p50 ms | p99 ms | max ms | errors |\n|---|---|---|---|---|---|---|")
for line in sys.stdin:
    print("| " + " | ".join(line.rstrip("\n").split("|")) + " |")
