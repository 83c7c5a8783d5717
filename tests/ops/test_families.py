"""Operators are found without importing every family."""

import subprocess
import sys

ALONE = """
import sys
from tachylite.ops.families import MODULES

for family in sorted(set(MODULES.values())):
    for name in [name for name in sys.modules if name.startswith("tachylite.ops")]:
        del sys.modules[name]
    from tachylite.ops import registry
    for name in [name for name, module in MODULES.items() if module == family]:
        registry.by_name(name)
"""

FEW = """
import sys
from tachylite import Builder, Interpreter, Model

build = Builder()
x = build.input("x", (2,))
interpreter = Interpreter(model_content=Model.of(build.outputs(build.TANH(x))).to_bytes())
interpreter.allocate_tensors()
interpreter.invoke()
print(*sorted(set(sys.modules)))
"""


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_each_family_defines_its_operators() -> None:
    run(ALONE)


def test_a_model_imports_only_the_families_that_it_needs() -> None:
    imported = run(FEW).split()
    assert "tachylite.ops.activation" in imported
    assert not {f"tachylite.ops.{family}" for family in ("convolution", "pool", "lstm", "detection", "string")} & set(imported)
