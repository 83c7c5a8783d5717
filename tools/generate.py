"""Write every file that is derived from the code; with --check, change nothing and fail where one is out of date."""

import sys
from collections.abc import Callable
from pathlib import Path

from tachylite.ops import table

ROOT = Path(__file__).resolve().parents[1]

GENERATED: dict[str, Callable[[], str]] = {
    "docs/ops.md": table.markdown,
}
"""Path of each generated file, and what makes its text."""


def stale() -> dict[Path, str]:
    """The files that differ from what the code says now, and what they should hold."""
    fresh = {ROOT / name: make() for name, make in GENERATED.items()}
    return {path: text for path, text in fresh.items() if not path.exists() or path.read_text(encoding="utf-8") != text}


def main() -> int:
    """The exit status."""
    outdated = stale()
    if "--check" in sys.argv[1:]:
        for path in outdated:
            print(f"{path.relative_to(ROOT)} is out of date; run: make format", file=sys.stderr)
        return bool(outdated)
    for path, text in outdated.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
