"""Which operators a recipe quantizes, and the refusal of what they cannot take: all of it at once."""

from collections.abc import Sequence

from tachylite.model.dtypes import INT4
from tachylite.model.errors import OpError, UnsupportedError
from tachylite.model.graph import Model, Operator, Tensor
from tachylite.ops import registry
from tachylite.ops.arguments import SUFFIXES
from tachylite.ops.integer import Grid, Integer
from tachylite.ops.registry import Spec

from .layer import LEAST_WEIGHTS, Work, biases_of, data_of, hybrid_operator, is_float, static_operator, weights_of
from .recipe import INT8, INT16, Rule, rule_for

ANY_TYPE = "any"


def assign(model: Model, rules: Sequence[Rule]) -> dict[Operator, Work]:
    """What is to become of each operator that the rules quantize.

    An operator that cannot take its scheme stays float where the rule is for all operators. Where the rule names it, that is an error:
    raises UnsupportedError that lists all of them.
    """
    result: dict[Operator, Work] = {}
    refusals: list[str] = []
    for number, graph in enumerate(model.graphs):
        for index, op in enumerate(graph.operators):
            rule = rule_for(rules, op)
            if rule.scheme == "float" or not any(map(is_float, (*op.inputs, *op.outputs))):
                continue
            work = _as_table(op, Work(rule, integer_of(op)))
            reason = refusal(op, work)
            if reason and not rule.is_demand and (narrower := _with_wide_weights(work)) and not refusal(op, narrower):
                work, reason = narrower, None
            if reason is None:
                result[op] = work
            elif rule.is_demand:
                refusals.append(str(op.error(f"cannot take {rule.scheme}: {reason}").at(index, number)))
    if refusals:
        raise UnsupportedError("\n".join(["the recipe names operators that cannot follow it:", *refusals]))
    return result


def _as_table(op: Operator, work: Work) -> Work:
    """An operator that only picks from a large constant, as GATHER from an embedding: under a dynamic scheme it picks integers."""
    types = work.rule.types
    inputs = [t for place, t in data_of(op, work.integer) if not place.is_output]
    is_table = work.integer.shared and inputs and all(t.is_constant and t.size >= LEAST_WEIGHTS for t in inputs)
    if types.weights == INT8 and types.activations is None and not types.explicit and is_table:
        return work._replace(rule=Rule("static_wi8_ai8", work.rule.operator, work.rule.name), is_table=True)
    return work


def integer_of(op: Operator) -> Integer:
    """The operator's `integer`; where it has none, one of no types."""
    definition = registry.find(op)
    return definition.integer if definition is not None and definition.integer is not None else Integer(types=())


def _with_wide_weights(work: Work) -> Work | None:
    """The same with weights of 8 bits instead of 4."""
    if work.weights != INT4:
        return None
    return work._replace(rule=Rule(work.rule.scheme.replace("wi4", "wi8"), per_channel=work.rule.per_channel))


def refusal(op: Operator, work: Work) -> str | None:
    """Why the operator cannot take its scheme; None where it can."""
    if registry.find(op) is None:
        return "it is not known here; define it with tachylite.register"
    if work.rule.types.explicit:
        return _explicit_refusal(op, work)
    return _hybrid_refusal(op, work) if work.activations is None else _static_refusal(op, work)


def _explicit_refusal(op: Operator, work: Work) -> str | None:
    if not constants(op, work):
        return "it has no constants that this scheme could store"
    return None


def constants(op: Operator, work: Work) -> dict[int, Tensor]:
    """By position, the constants that a scheme of explicit weights stores: float16 all of them, integers those that are weights."""
    if work.weights is not None and work.weights.kind == "f":
        return {i: t for i, t in enumerate(op.inputs) if t is not None and is_float(t) and t.is_constant and t.sparsity is None}
    return {i: t for i, t in weights_of(op, work.integer).items() if _is_worthwhile(t, work)}


def _is_worthwhile(tensor: Tensor, work: Work) -> bool:
    return work.rule.is_demand or tensor.size >= LEAST_WEIGHTS


def _hybrid_refusal(op: Operator, work: Work) -> str | None:
    bits = 4 if work.weights == INT4 else 8
    if f"f32w{bits}" not in registry.get(op).variants:
        return f"its kernels take no weights of {bits} bits beside float activations"
    weights = weights_of(op, work.integer)
    if not weights:
        return "it has no constant weights"
    if not any(_is_worthwhile(t, work) for t in weights.values()):
        return f"its weights have fewer than {LEAST_WEIGHTS} elements"
    if work.rule.block_size and any(t.shape[-1] % work.rule.block_size for t in weights.values()):
        return f"its rows do not divide into blocks of {work.rule.block_size}"
    return _trial(hybrid_operator(op, work))


def _static_refusal(op: Operator, work: Work) -> str | None:
    integer, variants, name = work.integer, registry.get(op).variants, SUFFIXES[work.integers]
    if name not in integer.types or (name not in variants and ANY_TYPE not in variants):
        return f"it does not compute on quantized {work.integers}"
    if weights_of(op, integer) and work.weights == INT4 and f"{name}w4" not in variants:
        return f"its kernels take no weights of 4 bits beside activations of {work.integers}"
    if work.rule.block_size:
        return "weights with a scale for each block meet float activations only; use dynamic_wi4_afp32"
    if any(t is not None and t.is_quantized for t in (*op.inputs, *op.outputs)):
        return "some of its operands are quantized already"
    if not all(bias.is_constant for bias in biases_of(op, integer).values()):
        return "its bias is no constant"
    if integer.memory and any(i < len(op.inputs) and op.inputs[i] is not None for i in integer.memory.without):
        return "its integer form has no peepholes, projection or layer norms"
    unit = Grid(1.0, 0 if work.integers == INT16 else 1)
    grids = {place: integer.output.get(name, unit) if place.is_output else unit for place, _ in data_of(op, integer)}
    return _trial(static_operator(op, work, grids))


def _trial(op: Operator) -> str | None:
    """What the operator itself says about such operands."""
    try:
        registry.infer(op, [None if t is None else Spec(t.shape, t.dtype, t.dense()) for t in op.inputs])
    except OpError as problem:
        return problem.message
    return None
