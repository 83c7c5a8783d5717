"""Clips fused into the operator before them: RELU and its like, however they are written, as the option that LiteRT's kernels know."""

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .rewrite import Replacement, Rewriter, is_float, rule, rules_pass, same_quantization, value_of

CLIPS: dict[str, tuple[float, float]] = {
    "RELU": (0, np.inf),
    "RELU6": (0, 6),
    "RELU_N1_TO_1": (-1, 1),
    "RELU_0_TO_1": (0, 1),
}
"""Operators that clip, and to what."""

FUSED = ("RELU", "RELU6", "RELU_N1_TO_1")
"""Clips that the file format knows as a fused activation."""

FUSING = (
    *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "CONV_3D", "TRANSPOSE_CONV"),
    *("ADD", "SUB", "MUL", "DIV", "AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"),
)
"""Operators whose kernels apply it. CONCATENATION has the option and no kernel heeds it; in recurrent operators it means another thing."""


def clip(op: Operator) -> tuple[Tensor, float, float] | None:
    """(x, low, high) where `op` clips x to constants; None where it does not."""
    if op.op in CLIPS and op.inputs[0] is not None:
        return op.inputs[0], *CLIPS[op.op]
    if op.op not in ("MINIMUM", "MAXIMUM") or not is_float(*op.inputs, *op.outputs):
        return None
    for x, other in (op.inputs, op.inputs[::-1]):
        value = value_of(other)
        if value is None or x is None or x.is_constant or x.shape != op.outputs[0].shape or not value.size or np.ptp(value) != 0:
            continue
        limit = float(value.flat[0])
        return (x, -np.inf, limit) if op.op == "MINIMUM" else (x, limit, np.inf)
    return None


def named(low: float, high: float) -> str | None:
    """The operator that clips to this range."""
    return next((name for name, limits in CLIPS.items() if limits == (low, high)), None)


@rule(*CLIPS, "MINIMUM", "MAXIMUM")
def join_clips(build: Rewriter, op: Operator) -> Replacement:
    """A clip of a clip to ranges that overlap is one."""
    outer = clip(op)
    if outer is None or not is_float(*op.inputs, *op.outputs):
        return None
    x, low, high = outer
    maker = build.maker(x)
    inner = clip(maker) if maker else None
    if inner is not None:
        x, low, high = inner[0], max(low, inner[1]), min(high, inner[2])
    name = named(low, high)
    if name is None or (inner is None and op.op in CLIPS):
        return None
    result: Tensor = getattr(build, name)(x, out=op.outputs[0])
    return result


@rule(*CLIPS, "MINIMUM", "MAXIMUM")
def fuse(build: Rewriter, op: Operator) -> Replacement:
    """Into the operator before it, where nobody else reads what that gave and the integers are on one scale."""
    outer, y = clip(op), op.outputs[0]
    x = outer[0] if outer else None
    maker = build.maker(x, *FUSING)
    if outer is None or maker is None or x is None or len(maker.outputs) != 1 or not build.is_single(x) or not same_quantization(x, y):
        return None
    before = maker.options.fused_activation_function
    low, high = CLIPS.get(before, (-np.inf, np.inf))
    activation = named(max(low, outer[1]), min(high, outer[2]))
    if before not in ("NONE", *FUSED) or activation not in FUSED:
        return None
    result: Tensor = build.again(maker, *maker.inputs, out=y, fused_activation_function=activation)
    return result


ACTIVATION = rules_pass("activation", join_clips, fuse)
