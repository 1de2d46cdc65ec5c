"""Every relative link of the project's Markdown leads to a file, and its anchor to a heading of that file."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def prose(page: pathlib.Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: pathlib.Path) -> set[str]:
    """The anchors that its headings have where Markdown is shown."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def main() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    pages = [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]
    links, dead = 0, []
    for page in pages:
        for link in LINK.findall(prose(page)):
            if re.match(r"\w+:", link):
                continue
            links += 1
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or anchor and anchor not in anchors(target):
                dead.append(f"{page.relative_to(ROOT)}: {link}")
    print(f"{links} links in {len(pages)} pages")
    if dead or not links:
        sys.exit("\n".join(["these lead nowhere:", *dead]))


if __name__ == "__main__":
    main()
