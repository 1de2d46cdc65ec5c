"""The table of bench/service.sh, from the lines of issue.sql."""

import sys


def main() -> None:
    rows = [line.rstrip("\n").split("|") for line in sys.stdin if line.count("|") == 5]
    sizes = list(dict.fromkeys(size for size, *_ in rows))
    print("\n| wall-clock seconds (CPU seconds) | " + " | ".join(f"{int(size):,} buildings" for size in sizes) + " |")
    print("|---" * (len(sizes) + 1) + "|")
    for what in dict.fromkeys(what for _, what, *_ in rows):
        cells = []
        for size in sizes:
            found = [row for row in rows if row[:2] == [size, what]]
            cells += [f"{float(found[0][2]):.2f} ({float(found[0][3]):.2f})" if found else "-"]
        print(f"| {what} | " + " | ".join(cells) + " |")
    peaks = [max(float(row[4]) for row in rows if row[0] == size) for size in sizes]
    print("| private memory of the session afterwards, MB | " + " | ".join(f"{peak:.0f}" for peak in peaks) + " |")
    issued = [next(row[5] for row in rows if row[:2] == [size, "daily issue by 1"]) for size in sizes]
    print("| hours forecast by models | " + " | ".join(f"{int(count):,}" for count in issued) + " |")


if __name__ == "__main__":
    main()
