"""Write every file that is derived from the code; with --check, change nothing and fail where one is out of date."""

import ast
import re
import sys
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path

import build_native

from tachylite.frontends import table as frontends
from tachylite.ops import kernel, table

ROOT = Path(__file__).resolve().parents[1]


def statement(path: str, beginning: str) -> str:
    """The source of the first statement in a file that begins so, however its lines are broken."""
    source = (ROOT / path).read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        text = textwrap.dedent(ast.get_source_segment(source, node, padded=True) or "") if isinstance(node, ast.stmt) else ""
        if "".join(text.split()).startswith("".join(beginning.split())):
            return text.rstrip("\n") + "\n"
    sys.exit(f"no statement of {path} begins with {beginning!r}; correct the quotation")


def quoting(document: str) -> str:
    """A document whose blocks that begin with ```python PATH BEGINNING hold that statement of that file, as it now is."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.sub(
        r"^(```python (\S+) ([^\n]+)\n).*?^```$", lambda m: f"{m[1]}{statement(m[2], m[3])}```", text, flags=re.MULTILINE | re.DOTALL
    )


GENERATED: dict[str, Callable[[], str]] = {
    "docs/frontends.md": frontends.markdown,
    "docs/ops.md": table.markdown,
    "docs/anatomy-of-an-op.md": partial(quoting, "docs/anatomy-of-an-op.md"),
    "native/include/tl_params.h": kernel.c_header,
    "native/kernel_table.inc": kernel.c_table,
    "native/kernel_files.json": build_native.index,
    "src/tachylite/ops/families.py": table.modules,
}
"""Path of each generated file, and what makes its text; later ones may be made from earlier ones."""


def main() -> int:
    """The exit status."""
    is_check, outdated = "--check" in sys.argv[1:], False
    for name, make in GENERATED.items():
        path, text = ROOT / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        outdated = True
        if is_check:
            print(f"{name} is out of date; run: make format", file=sys.stderr)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote {name}")
    return is_check and outdated


if __name__ == "__main__":
    sys.exit(main())
