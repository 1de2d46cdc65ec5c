"""Puts the blocks of a script that cargo-pgrx has generated in one order.

    python docker/package/order.py SCRIPT

cargo-pgrx writes each block after those it requires, and otherwise in an order that differs from run to run. Here a
block comes as early as it may by its place in the sources, so that the same sources give the same script.
"""

import heapq
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).parents[2]
BLOCK = re.compile(r"/\* <begin connected objects> \*/\n(.*?)/\* </end connected objects> \*/\n", re.DOTALL)
PLACE = re.compile(r"-- (extension/src/\S+\.rs):(\d+)\n(?:-- (edf::\S+)\n)?")
REQUIRES = re.compile(r"-- requires:\n((?:--   \S+\n)+)")


def name_of(file: str, line: int) -> str:
    """The name of the block of SQL whose macro begins at this line."""
    macro = "".join((ROOT / file).read_text().splitlines(keepends=True)[line - 1 :])
    return re.search(r'name = "(\w+)"', macro)[1]


def main(path: pathlib.Path) -> None:
    text = path.read_text()
    header, *blocks = BLOCK.findall(text)
    places, names, needs = [], {}, []
    for index, block in enumerate(blocks):
        place = PLACE.match(block) or sys.exit(f"{path}: this block does not say where it comes from:\n{block[:200]}")
        file, line = place[1], int(place[2])
        rank = 0 if "\n-- bootstrap\n" in block[:200] else 2 if "\n-- finalize\n" in block[:200] else 1
        name = place[3] or name_of(file, line)
        places.append((rank, file, line, name, index))
        names[name] = index
        required = REQUIRES.search(block)
        needs.append(re.findall(r"--   (\S+)", required[1]) if required else [])

    def index_of(need: str) -> int:
        """A block of SQL is required by its name, a function by the end of its path."""
        if need in names:
            return names[need]
        found = [index for name, index in names.items() if name.endswith(f"::{need}")]
        return found[0] if len(found) == 1 else sys.exit(f"{path}: {len(found)} blocks are called {need}")

    waits = [{index_of(need) for need in required} for required in needs]
    last = max(range(len(blocks)), key=lambda index: places[index])
    if places[last][0] == 2:
        waits[last] = set(range(len(blocks))) - {last}
    ready = [places[index] for index, wait in enumerate(waits) if not wait]
    heapq.heapify(ready)
    ordered = []
    while ready:
        done = heapq.heappop(ready)[-1]
        ordered.append(blocks[done])
        for index, wait in enumerate(waits):
            if done in wait:
                wait.remove(done)
                if not wait:
                    heapq.heappush(ready, places[index])
    if len(ordered) != len(blocks):
        sys.exit(f"{path}: blocks require each other in a circle")
    whole = (f"/* <begin connected objects> */\n{block}/* </end connected objects> */\n" for block in [header, *ordered])
    path.write_text("\n".join(whole))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
