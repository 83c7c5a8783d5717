"""`tachylite.quantize`: a model with smaller numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tachylite.model.errors import TachyliteError, UnsupportedError
from tachylite.model.graph import Model, Operator, Tensor
from tachylite.ops import registry
from tachylite.ops.inference import frozen
from tachylite.passes.runner import tidy

from .apply import Writer, set_input_type, set_output_type
from .assign import assign
from .calibrate import Calibration, Progress, calibrate, open_model, tensor_keys, watch
from .equalize import equalize as equalize_channels
from .grid import Range
from .layer import FLOAT, Work, is_float, source_of
from .learn import Learner, check_rounding
from .plan import plan_grids
from .recipe import Recipe, rules_of
from .rounding import preserving
from .shards import are_shards
from .sparse import densified, sparsify

TYPES = {"float32": FLOAT, **{name: np.dtype(name) for name in ("int8", "uint8", "int16")}}
"""What inputs and outputs may be."""


def quantize(
    model: Any,
    recipe: Recipe = "dynamic_wi8_afp32",
    calibration: Any = None,
    *,
    method: str = "min_max",
    rounding: str = "balanced",
    correct_bias: bool = True,
    equalize: bool = False,
    inputs: str = "float32",
    outputs: str = "float32",
    progress: Progress | None = None,
) -> Model:
    """A quantized copy of a model; `.save(path)` writes it.

    model: a path, bytes or a Model, with float32 operators.
    recipe: a scheme's name (recipe.SCHEMES) or a list of rules, of which the last that matches an operator counts:
        {"scheme": "static_wi8_ai8", "operator": "CONV_2D", "name": "block3/*"}.
    calibration: for static schemes, samples (see data.samples.samples_of), a Dask or Ray collection of shards of them, or a Calibration.
    method: what makes ranges of samples: min_max, moving_average, percentile:99.9, entropy, mse.
    rounding: of weights: nearest; balanced, so that the errors of a channel do not add up; or learned, so that each layer's outputs on the
        samples change least.
    correct_bias: where there is a calibration, let biases make up for what the errors of the weights add to the outputs' means.
    equalize: scale the channels between layers first, so that one scale serves all of them better (see equalize.py).
    inputs, outputs: their types: float32, int8, uint8, int16.
    progress: told the number of samples that were run.
    Weights that are zero stay zero, and equal weights of clustered constants stay equal; what was stored sparsely is so again.
    Raises UnsupportedError that names every operator that cannot follow a rule that names it, TachyliteError where the calibration data are
    missing or do not fit.
    """
    given = open_model(model)
    dense = densified(given)
    source = with_real_constants(dense)
    if equalize:
        if isinstance(calibration, Calibration):
            raise TachyliteError("statistics do not fit a model that is equalized after they were taken; give samples as calibration")
        source = equalize_channels(_copy(source)[0])
    works = assign(source, rules_of(recipe))
    types = [_type(name, of) for name, of in ((inputs, "inputs"), (outputs, "outputs"))]
    check_rounding(rounding)
    learner = Learner(works, rounding)
    statistics = _statistics(source, works, calibration, method, learner, progress)
    works = {op: work._replace(rounding=preserving(learner.rounding_of(op))) for op, work in works.items()}
    if correct_bias:
        works = _with_means(source, works, statistics)
    works = _with_reach(source, works, statistics)
    result, twins = _copy(source)
    copied = {twins[op]: work for op, work in works.items()}
    keys = dict(zip((t for g in result.graphs for t in g.tensors), tensor_keys(source).values(), strict=True))
    _write(result, copied, keys, statistics)
    _set_types(result, *types)
    for graph in result.graphs:
        tidy(graph, {*graph.inputs, *graph.outputs})
    if dense is not given:
        sparsify(result)
    result.verify()
    return result


def with_real_constants(model: Model) -> Model:
    """The model, or a copy in which constants that a DEQUANTIZE makes real are so from the beginning: they can be weights."""
    if not any(_is_unpacking(op) for op in model.operators()):
        return model
    copy, _ = _copy(model)
    for graph in copy.graphs:
        for op in [op for op in graph.operators if _is_unpacking(op)]:
            (stored,), (real,) = op.inputs, op.outputs
            assert stored is not None
            real.data = frozen(np.ascontiguousarray(registry.get(op).reference(op, stored.dense())))
            graph.operators.remove(op)
    return copy


def _is_unpacking(op: Operator) -> bool:
    return op.op == "DEQUANTIZE" and op.inputs[0] is not None and op.inputs[0].is_constant


def _type(name: str, of: str) -> np.dtype:
    if name not in TYPES:
        raise TachyliteError(f"{of} cannot be {name!r}; choose one of {', '.join(TYPES)}")
    return TYPES[name]


def _statistics(
    source: Model, works: Mapping[Operator, Work], calibration: Any, method: str, learner: Learner, progress: Progress | None
) -> Calibration:
    """The ranges of activations; on the way, the learner is told what it watches."""
    if learner.watched and (calibration is None or isinstance(calibration, Calibration) or are_shards(calibration)):
        raise TachyliteError("rounding is learned from samples on this machine, not from statistics or shards; give some as calibration")
    if isinstance(calibration, Calibration):
        return calibration
    result = Calibration(method)
    if are_shards(calibration):
        return calibrate(source, calibration, into=result, progress=progress)
    if calibration is not None:
        watch(source, calibration, result, also=learner.watched, progress=progress)
    elif any(work.needs_ranges for work in works.values()):
        raise TachyliteError("the recipe quantizes activations, whose ranges only samples tell; give some as calibration")
    return result


def _with_means(source: Model, works: Mapping[Operator, Work], statistics: Calibration) -> dict[Operator, Work]:
    """The works with the means of the channels that their weights meet, where it is known how they meet them."""
    keys = tensor_keys(source)

    def means(op: Operator, work: Work) -> np.ndarray | None:
        met = source_of(op, work.integer) if work.integer.rows is not None else None
        found = statistics.tensors.get(keys[met]) if met is not None else None
        return None if found is None else found.means

    return {op: work._replace(means=means(op, work)) for op, work in works.items()}


def _with_reach(source: Model, works: Mapping[Operator, Work], statistics: Calibration) -> dict[Operator, Work]:
    """The works of recurrent operators with how far their cell states reach."""
    keys = tensor_keys(source)

    def reach(op: Operator, work: Work) -> float:
        cell = op.inputs[work.integer.memory.cell] if work.integer.memory else None
        found = statistics.range_of(keys[cell], 16) if cell is not None else None
        return work.reach if found is None else max(-found.least, found.greatest)

    return {op: work._replace(reach=reach(op, work)) for op, work in works.items()}


def _copy(model: Model) -> tuple[Model, dict[Operator, Operator]]:
    """A copy that shares arrays with the model, and the copy of each operator."""
    copy = model.copy()
    return copy, dict(zip(model.operators(), copy.operators(), strict=True))


def _write(model: Model, works: Mapping[Operator, Work], keys: Mapping[Tensor, str], statistics: Calibration) -> None:
    """Change the model's graphs. Raises UnsupportedError that lists every value without a range."""
    missing: dict[str, None] = {}

    def range_of(tensor: Tensor, dtype: np.dtype) -> Range:
        found = statistics.range_of(keys[tensor], 8 * dtype.itemsize)
        if found is None:
            missing[keys[tensor]] = None
            return Range(0.0, 0.0)
        return found

    plans = [plan_grids(graph, works, range_of) for graph in model.graphs]
    if missing:
        found = [f"{name!r} never had a value" for name in missing]
        raise UnsupportedError("\n".join(["the calibration tells no range of these tensors; give samples that reach them:", *found]))
    for graph, grids in zip(model.graphs, plans, strict=True):
        Writer(graph, works, grids).write()


def _set_types(model: Model, inputs: np.dtype, outputs: np.dtype) -> None:
    """Bring the main graph's float inputs and outputs to other types."""
    graph = model.graph
    refused = []
    for dtype, tensors, change in ((inputs, list(graph.inputs), set_input_type), (outputs, list(graph.outputs), set_output_type)):
        for tensor in tensors if dtype != FLOAT else []:
            if is_float(tensor):
                changed = change(graph, tensor, dtype)
                if changed is None:
                    refused.append(f"{tensor.name!r} stays float32: no operator beside it works on integers")
                else:
                    _rename(model, tensor, changed)
    if refused:
        raise UnsupportedError(
            "\n".join(["the recipe leaves these inputs and outputs in float; use a static scheme, or float32:", *refused])
        )


def _rename(model: Model, old: Tensor, new: Tensor) -> None:
    for signature in model.signatures:
        for names in (signature.inputs, signature.outputs):
            names.update({name: new for name, tensor in names.items() if tensor is old})
