"""OpenVINO as a delegate: sub-graphs become .tflite files, which it compiles for Intel's CPUs, GPUs and NPUs (extra `openvino`)."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.extras import extra
from tachylite.model.graph import Graph, Model, Operator
from tachylite.program.delegate import Delegate

OPERATORS = set(
    """ABS ADD ADD_N AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_TO CEIL CONCATENATION CONV_2D CONV_3D COS CUMSUM
    DEPTHWISE_CONV_2D DEPTH_TO_SPACE DIV ELU EQUAL EXP EXPAND_DIMS FLOOR FULLY_CONNECTED GATHER GELU GREATER GREATER_EQUAL HARD_SWISH
    L2_NORMALIZATION LEAKY_RELU LESS LESS_EQUAL LOG LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK
    PAD POW PRELU REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR ROUND RSQRT SELECT SELECT_V2 SIGN
    SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TILE
    TRANSPOSE TRANSPOSE_CONV UNPACK""".split()
)
"""What the op suite finds right (tests/delegates/test_openvino.py), but for NaN and infinity, which OpenVINO treats in its own way."""


def _is_hard_to_reduce(op: Operator) -> bool:
    x, axes = op.inputs
    return x is None or axes is None or x.dtype != np.float32 or not x.size or not axes.size


WRONG: dict[str, tuple[Callable[[Operator], bool], str]] = {
    "RESIZE_NEAREST_NEIGHBOR": (lambda op: op.options.half_pixel_centers, "takes other neighbors of half-pixel centers"),
    "SQUEEZE": (lambda op: not op.options.squeeze_dims, "crashes without squeeze_dims"),
    "STRIDED_SLICE": (lambda op: op.options.offset or op.options.ellipsis_mask != 0, "slices otherwise with an offset or an ellipsis"),
    "TRANSPOSE_CONV": (lambda op: op.options.padding == "VALID", "pads otherwise"),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), (_is_hard_to_reduce, "reduces floats alone, along one axis at least")),
}
"""What it reads, and gets wrong (release 2026.4)."""

INTEGERS = ("exact", "approximate")

DEFAULTS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
"""Properties of compilation that a user may overrule: results in float32, one run after another."""


class OpenVino(Delegate):
    """Takes of OPERATORS what OpenVINO's own reader of .tflite takes, which is asked.

    Options: device, CPU by default, GPU or NPU; integers, `exact` (quantized operators stay on the CPU, because OpenVINO computes them in
    floats) or `approximate`; all others are properties of OpenVINO, such as INFERENCE_NUM_THREADS=1.
    Raises TachyliteError where there is no such device or option, MissingExtraError where OpenVINO is not installed.
    """

    name = "openvino"

    def __init__(self, options: Mapping[str, Any] | None = None):
        super().__init__(options)
        with extra("openvino", "OpenVINO"):
            import openvino
        self._core: Any = openvino.Core()
        self._device = self.options.pop("device", "CPU")
        self._integers = self.options.pop("integers", "exact")
        self._properties = DEFAULTS | self.options
        self._answers: dict[Any, bool | str] = {}
        if self._device.split(".")[0] not in {d.split(".")[0] for d in self._core.available_devices}:
            raise TachyliteError(f"OpenVINO sees no device {self._device!r}, only {', '.join(self._core.available_devices)}")
        if self._integers not in INTEGERS:
            raise TachyliteError(f"integers is {self._integers!r}; it must be one of {', '.join(INTEGERS)}")

    def supports(self, op: Operator) -> bool | str:
        tensors = [t for t in (*op.inputs, *op.outputs) if t is not None]
        if op.is_custom or op.op not in OPERATORS:
            return "is not trusted with it"
        is_wrong, how = WRONG.get(op.op, (None, ""))
        if is_wrong is not None and is_wrong(op):
            return how
        if self._integers == "exact" and any(t.is_quantized for t in tensors):
            return "computes quantized operators in floats; integers=approximate allows that"
        # Whether it can read an operator depends on neither the values of its weights nor on names.
        key = op.op, repr(op.options), *((t.shape, t.dtype, t.is_constant) for t in tensors)
        if key not in self._answers:
            self._answers[key] = self._read_alone(op)
        return self._answers[key]

    def _read_alone(self, op: Operator) -> bool | str:
        graph = Graph("operator", outputs=list(op.outputs))
        graph.append(op)
        graph.inputs = [t for t in dict.fromkeys(op.inputs) if t is not None and not t.is_constant]
        try:
            self._read(graph)
        except RuntimeError as problem:
            return f"cannot read it: {_last_line(problem)}"
        return True

    def compile(self, graph: Graph) -> Callable[..., list[np.ndarray]]:
        inputs, outputs = (list(range(n)) for n in (len(graph.inputs), len(graph.outputs)))
        try:
            request = self._core.compile_model(self._read(graph), self._device, self._properties).create_infer_request()
        except RuntimeError as problem:
            raise TachyliteError(f"OpenVINO cannot compile it: {_last_line(problem)}") from problem
        shapes = [(t.shape, t.dtype) for t in graph.outputs]
        names = {name: port for port in request.model_inputs for name in port.names}
        given = [names.get(_input(i)) for i in inputs]  # one whose values do not count is gone

        def run(*arrays: np.ndarray) -> list[np.ndarray]:
            # It shares memory but for scalars, which it would write to.
            shared = (array if array.ndim else array.copy() for array in arrays)
            request.infer({port: array for port, array in zip(given, shared, strict=True) if port is not None}, share_inputs=True)
            results = [request.get_tensor(_output(i)).data for i in outputs]
            return [np.array(r, dtype).reshape(shape) for r, (shape, dtype) in zip(results, shapes, strict=True)]

        return run

    def _read(self, graph: Graph) -> Any:
        """OpenVINO's model of a graph, whose inputs and outputs have names that _input and _output give. Raises RuntimeError."""
        model = Model.of(graph).copy()
        for number, tensor in enumerate(model.graph.tensors):
            tensor.name = f"tensor {number}"
        for number, tensor in enumerate(model.graph.inputs):
            tensor.name = _input(number)
        for number, tensor in enumerate(model.graph.outputs):
            tensor.name = _output(number)
        with tempfile.TemporaryDirectory(prefix="tachylite-") as folder:  # from memory it reads other formats alone
            path = Path(folder) / "graph.tflite"
            path.write_bytes(model.to_bytes())
            return self._core.read_model(path)


def _input(number: int) -> str:
    return f"input {number}"


def _output(number: int) -> str:
    return f"output {number}"


def _last_line(problem: Exception) -> str:
    """What a message of OpenVINO comes to, behind the places in its source that it passed."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip() and not line.startswith("Exception from")]
    return lines[-1] if lines else type(problem).__name__
