"""The op suite in C: what C can hold is emitted, built at once, and gives the native executor's answers to the last bit."""

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from tachylite import Interpreter, Model
from tachylite.emit.targets import MACHINES
from tachylite.emit.unit import Unit, print_model
from tachylite.model.errors import UnsupportedError
from tests.emit.emitted import Instance, build

from .harness import Case
from .test_ops import CASES, outputs

TARGETS = {"any": CASES, "cortex-m4": [case for case in CASES if case.op in {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}]}
"""The machines whose C runs here too, DSP instructions as plain C, and the cases that their kernels differ for."""

Suite = tuple["ctypes.CDLL | None", dict[str, Unit]]


@pytest.fixture(scope="session")
def suite_for(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Suite]:
    """For each machine the selected cases as one library: their models share a folder, and with it the kernels.

    No fixture of parameters: pytest keeps but one of these, and would build a library anew whenever it goes from one machine to the other.
    """
    calls = [i.callspec.params for i in request.session.items if getattr(i, "originalname", "") == "test_case_in_c"]

    @cache
    def suite(target: str) -> Suite:
        units: dict[str, Unit] = {}
        for number, case in enumerate(params["case"] for params in calls if params["target"] == target):
            try:
                units[str(case)] = print_model(Model.of(case.graph), f"case_{number}", MACHINES[target].target)
            except UnsupportedError:
                continue  # the test tells whether it should have been
        if not units:
            return None, units
        folder = tmp_path_factory.mktemp("suite")
        library = build(folder, list(units.values()), folder / "suite.so", ["-shared", "-fPIC"])
        return ctypes.CDLL(str(library)), units

    return suite


@pytest.mark.parametrize(("target", "case"), [(target, case) for target, cases in TARGETS.items() for case in cases], ids=str)
def test_case_in_c(target: str, case: Case, suite_for: Callable[[str], Suite], monkeypatch: pytest.MonkeyPatch) -> None:
    library, units = suite_for(target)
    unit = units.get(str(case))
    if unit is None:
        with pytest.raises(UnsupportedError, match=r"#\d+ '.*: (no kernel for|only the run can tell)|: holds (string|resource|variant)s"):
            print_model(Model.of(case.graph), "refused", MACHINES[target].target)
        return
    assert library is not None
    monkeypatch.setenv("TACHYLITE_ISA", "baseline")
    expected = outputs(Interpreter(model_content=Model.of(case.graph).to_bytes()), case)
    instance = Instance(library, unit)
    actual = [output for _ in range(case.runs) for output in instance.run(unit.functions[0], case.inputs)]
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape
        np.testing.assert_array_equal(bits(a.astype(e.dtype)), bits(e))  # an interpreter shows 4-bit types as int8


def bits(array: np.ndarray) -> np.ndarray:
    return np.frombuffer(array.tobytes(), np.uint8)
