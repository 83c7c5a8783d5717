"""What a TFLiteConverter's attributes mean as a recipe, a calibration and types."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tachylite.compress.calibrate import Calibration, calibrate
from tachylite.compress.quantize import quantize
from tachylite.compress.recipe import Rule
from tachylite.model.errors import TachyliteError, UnsupportedError
from tachylite.model.graph import Model, Signature

from .settings import OpsSet, Optimize, RepresentativeDataset

if TYPE_CHECKING:
    from .converter import TFLiteConverter

INT8_OPS = OpsSet.TFLITE_BUILTINS_INT8
INT16_OPS = OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8


def finish(converter: "TFLiteConverter", model: Model, kept: Iterable[Rule] = ()) -> Model:
    """The model as the converter's attributes want it. kept: rules for operators that are treated otherwise."""
    scheme = scheme_of(converter)
    ends = [type_name(t) for t in (converter.inference_input_type, converter.inference_output_type)]
    if Optimize.EXPERIMENTAL_SPARSITY in converter.optimizations:
        raise TachyliteError("Optimize.EXPERIMENTAL_SPARSITY: use tachylite.prune, whose result is stored sparse where that is smaller")
    if scheme is None or not scheme.startswith("static"):
        if ends != ["float32", "float32"]:
            raise TachyliteError(
                f"inference types are {ends}, but activations stay float32; set optimizations to [Optimize.DEFAULT] and a "
                "representative_dataset, or leave the inference types at float32"
            )
        return quantize(model, scheme) if scheme else model
    rules = [Rule(scheme, per_channel=not getattr(converter, "_experimental_disable_per_channel", False)), *kept]
    result = quantize(model, rules, calibration_of(model, converter.representative_dataset), inputs=ends[0], outputs=ends[1])
    if not set(converter.target_spec.supported_ops) & {OpsSet.TFLITE_BUILTINS, OpsSet.SELECT_TF_OPS} and not kept:
        refuse_floats(result)
    return result


def scheme_of(converter: "TFLiteConverter") -> str | None:
    """The name of the scheme, None for float."""
    if not set(converter.optimizations) - {Optimize.EXPERIMENTAL_SPARSITY}:
        return None
    types = {type_name(t) for t in converter.target_spec.supported_types}
    if "float16" in types and "int8" not in types:
        return "float16"
    if converter.representative_dataset is None:
        return "dynamic_wi8_afp32"
    return "static_wi8_ai16" if INT16_OPS in set(converter.target_spec.supported_ops) else "static_wi8_ai8"


def type_name(dtype: Any) -> str:
    """The name of a type of NumPy or TensorFlow."""
    return np.dtype(getattr(dtype, "as_numpy_dtype", dtype)).name


Dataset = RepresentativeDataset | Callable[[], Iterable[Any]]


def calibration_of(model: Model, dataset: Dataset) -> Calibration:
    """What the tensors hold on the samples, which may be meant for several signatures. Raises TachyliteError."""
    generator = dataset.input_gen if isinstance(dataset, RepresentativeDataset) else dataset
    if not callable(generator):
        raise TachyliteError(f"representative_dataset is a {type(generator).__name__}; give a function that yields samples")
    signatures = {s.key: s for s in model.signatures}
    result = Calibration()
    for key in dict.fromkeys(_key(item) for item in generator()):
        if key is not None and key not in signatures:
            raise TachyliteError(f"representative_dataset has samples for {key!r}; the model's signatures are {sorted(signatures)}")
        signature = signatures[key] if key is not None else next(iter(model.signatures), None)
        calibrate(model, _samples(generator, key, signature), into=result, signature=key)
    if not result.samples:
        raise TachyliteError("representative_dataset yields no samples; give some like those that the model will meet, a hundred say")
    return result


def _key(item: Any) -> str | None:
    """The signature that a sample is for, where it says."""
    return item[0] if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) else None


def _samples(generator: Callable[[], Iterable[Any]], key: str | None, signature: Signature | None) -> Iterator[Any]:
    """The samples for one signature, by the names of tensors."""
    for item in generator():
        if _key(item) == key:
            sample = item if key is None else item[1]
            if isinstance(sample, Mapping) and signature is not None:
                sample = {signature.inputs[name].name if name in signature.inputs else name: value for name, value in sample.items()}
            yield sample


def refuse_floats(model: Model) -> None:
    """Raises UnsupportedError that lists the operators that still compute in float32."""
    floats = [
        f"{op.op} {op.outputs[0].name!r}"
        for op in model.operators()
        if op.op not in ("QUANTIZE", "DEQUANTIZE") and any(t is not None and t.dtype == np.float32 for t in (*op.inputs, *op.outputs))
    ]
    if floats:
        advice = "these operators have no form on integers; add OpsSet.TFLITE_BUILTINS to target_spec.supported_ops to leave them in float:"
        raise UnsupportedError("\n".join([advice, *floats]))
