"""Small float nets, and how LiteRT and Tachylite answer once they are quantized."""

import numpy as np
from ai_edge_litert import interpreter as litert

import tachylite
from tachylite import Model


def floats(*shape, seed=0, scale=1.0):
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def outputs(interpreter, inputs):
    """The outputs of one engine for arrays in the order of the inputs."""
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def ours(model: Model, *inputs):
    return outputs(tachylite.Interpreter(model_content=model.to_bytes()), inputs)


def theirs(model: Model, *inputs):
    """What LiteRT's reference kernels answer; of the operators that it has other kernels for only, those."""
    kinds = litert.OpResolverType
    for kind in (kinds.BUILTIN_REF, kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
        try:
            return outputs(litert.Interpreter(model_content=model.to_bytes(), experimental_op_resolver_type=kind), inputs)
        except ValueError as problem:
            if "Didn't find op" not in str(problem):
                raise
    raise AssertionError("LiteRT cannot run this model")


def sqnr(real, found):
    """Signal to quantization noise in dB."""
    real, found = (np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays]) for arrays in (real, found))
    noise = np.square(real - found).sum()
    return np.inf if noise == 0 else 10 * np.log10(np.square(real).sum() / noise)


def names(model: Model):
    return [op.op for op in model.operators()]
