"""Hold the conformance score: fail where fewer cases pass than tests/conformance_floor.json says, or where a file crashes or hangs us.

The corpus lies in shared/conformance beside the checkout; without it there is nothing to hold. After a gain, `--raise` writes the
new floor.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT.parent / "shared" / "conformance"
FLOOR = ROOT / "tests" / "conformance_floor.json"

#: Every case runs in a fork; what the parent has loaded, no fork loads again.
RUN = """
import os, runpy, sys
from tachylite.ops import registry
list(registry.definitions())
del sys.argv[0]
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def report(script: str, *arguments: str) -> Any:
    """What a script of the corpus writes to its --json file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        command = [sys.executable, "-c", RUN, str(CORPUS / script), "--module", "tachylite", *arguments, "--json", str(path)]
        # The exit status says only whether everything passed.
        run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        if not path.exists():
            sys.exit(f"{script} gave no report:\n{run.stderr}")
        return json.loads(path.read_text(encoding="utf-8"))


def main() -> int:
    """The exit status."""
    if not CORPUS.is_dir():
        print("conformance: no corpus beside this checkout, nothing to hold")
        return 0
    floor = json.loads(FLOOR.read_text(encoding="utf-8"))
    score = report("score.py", "--corpus", "dev", "--mode", "ref")
    damaged = report("malrun.py")

    passed, total = score["passed"], score["total"]
    failed = [case for case in score["results"] if case[2].removeprefix("reject:") in ("crash", "timeout")]
    failed += [(name, r["outcome"], r["detail"]) for name, r in damaged.items() if r["outcome"].startswith(("crash", "hang"))]
    print(f"conformance: {passed} of {total} cases equal the reference (floor {floor['dev_ref_passed']}); {len(damaged)} damaged files")
    for case in failed:
        print("  crash or hang:", *case)
    if "--raise" in sys.argv[1:] and passed > floor["dev_ref_passed"]:
        FLOOR.write_text(json.dumps(floor | {"dev_ref_passed": passed}) + "\n", encoding="utf-8")
    if passed < floor["dev_ref_passed"]:
        print(f"  {floor['dev_ref_passed'] - passed} cases fewer than before; find them with: score.py --mode ref --list-fails 50")
    return bool(failed) or passed < floor["dev_ref_passed"]


if __name__ == "__main__":
    sys.exit(main())
