"""Control flow: IF, WHILE, CASE, CALL_ONCE and composites.

Where every shape inside is known, the graphs are inlined and become jumps. Otherwise the operator runs on the host, which calls its graphs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tachylite.model.graph import Graph, Operator, Tensor

from . import registry
from .arguments import ANY_TYPE
from .builder import Builder
from .calculus import Composition, Gradient, Point, Term
from .inference import infer_graph, without_value
from .registry import Context, OpDef, Spec, register


def arguments(op: Operator, graph: Graph, specs: Sequence[Spec | None]) -> list[Spec]:
    """What a called graph knows of its inputs. Raises OpError where their number is wrong."""
    if len(graph.inputs) != len(specs) or any(s is None for s in specs):
        raise op.error(f"calls graph {graph.name!r} with {len(specs)} arguments, it takes {len(graph.inputs)}")
    return [without_value(s) for s in specs if s is not None]


def truth(op: Operator, condition: np.ndarray) -> bool:
    """A condition as a bool. Raises OpError where it is not a single value."""
    if condition.size != 1:
        raise op.error(f"its condition has shape {list(condition.shape)}; it must be a single bool")
    return bool(condition.item())


def shapes_agree(one: Sequence[Spec] | None, other: Sequence[Spec] | None) -> bool:
    """Whether both are known and alike."""
    if one is None or other is None:
        return False
    return [(s.shape, s.dtype) for s in one] == [(s.shape, s.dtype) for s in other]


def call_and_bind(low: Any, op: Operator, graph: Graph, values: Sequence[Tensor | None], outputs: Sequence[int]) -> None:
    """Inline a graph on tensors of the current scope and move its results into `outputs`."""
    specs = [without_value(low.spec(t)) for t in values]
    results = low.inline(graph, [low.value(t) for t in values], specs)
    low.move(list(zip(results, outputs, strict=True)))


def _define(
    name: str,
    options: str,
    infer: Callable[..., Any],
    reference: Callable[..., Any],
    lower: Callable[..., None],
    gradient: Gradient | None = None,
) -> None:
    """Register an operator that calls graphs."""
    register(OpDef(name, infer, reference, options, ANY_TYPE, context=True, lower=lower, gradient=gradient))


# IF and CASE: one of several graphs.


def infer_branches(op: Operator, specs: Sequence[Spec]) -> list[Spec] | None:
    """Known where all branches give the same shapes."""
    results = [infer_graph(graph, arguments(op, graph, specs)) for graph in op.subgraphs]
    first = results[0]
    if first is None or not all(shapes_agree(first, r) for r in results):
        return None
    return [without_value(s) for s in first]


def infer_if(op: Operator, condition: Spec, *specs: Spec) -> list[Spec] | None:
    """condition: a single bool."""
    if condition.dtype != np.bool_ or np.prod(condition.shape) != 1:
        raise op.error(f"its condition is {condition.dtype}{list(condition.shape)}; it must be a single bool")
    return infer_branches(op, specs)


def run_if(op: Operator, context: Context, condition: np.ndarray, *inputs: np.ndarray) -> list[np.ndarray]:
    """subgraphs: then, else."""
    return context.call(op.subgraphs[0 if truth(op, condition) else 1], inputs)


def lower_if(low: Any, op: Operator) -> None:
    """One jump to the else branch, one over it."""
    condition, values = low.value(op.inputs[0]), op.inputs[1:]
    outputs = [low.define(t) for t in op.outputs]
    otherwise = low.jump_if_false(condition)
    call_and_bind(low, op, op.subgraphs[0], values, outputs)
    end = low.jump()
    otherwise()
    call_and_bind(low, op, op.subgraphs[1], values, outputs)
    end()


_define("IF", "IfOptions", infer_if, run_if, lower_if)


def infer_case(op: Operator, index: Spec, *specs: Spec) -> list[Spec] | None:
    """index: a single int32."""
    if index.dtype != np.int32 or np.prod(index.shape) != 1:
        raise op.error(f"its branch index is {index.dtype}{list(index.shape)}; it must be a single int32")
    return infer_branches(op, specs)


def run_case(op: Operator, context: Context, index: np.ndarray, *inputs: np.ndarray) -> list[np.ndarray]:
    """An index out of range takes the last branch (StableHLO specification, `case`)."""
    branch = int(index.item())
    return context.call(op.subgraphs[branch if 0 <= branch < len(op.subgraphs) else -1], inputs)


def lower_case(low: Any, op: Operator) -> None:
    """A chain of comparisons, the last branch without one."""
    outputs = [low.define(t) for t in op.outputs]
    ends = []
    for number, graph in enumerate(op.subgraphs[:-1]):
        otherwise = low.jump_if_false(_is_branch(low, op, number))
        call_and_bind(low, op, graph, op.inputs[1:], outputs)
        ends.append(low.jump())
        otherwise()
    call_and_bind(low, op, op.subgraphs[-1], op.inputs[1:], outputs)
    for land in ends:
        land()


def _is_branch(low: Any, op: Operator, number: int) -> int:
    """The value of `index == number`."""
    build = Builder()
    index = op.inputs[0]
    assert index is not None
    build.EQUAL(index, build.constant(np.full(index.shape, number, np.int32)))
    equal = build.graph.operators[-1]
    low.emit(equal)
    value: int = low.value(equal.outputs[0])
    return value


_define("STABLEHLO_CASE", "StablehloCaseOptions", infer_case, run_case, lower_case)

# WHILE: cond and body over a tuple of loop values.


def infer_while(op: Operator, *specs: Spec) -> list[Spec] | None:
    """Known where one pass through the body keeps every shape."""
    cond, body = op.subgraphs
    state = arguments(op, body, specs)
    test = infer_graph(cond, arguments(op, cond, specs))
    if test is not None and (len(test) != 1 or np.prod(test[0].shape) != 1 or test[0].dtype != np.bool_):
        raise op.error(f"its condition gives {[f'{s.dtype}{list(s.shape)}' for s in test]}; it must be a single bool")
    after = infer_graph(body, state)
    if after is not None and len(after) != len(state):
        raise op.error(f"its body gives {len(after)} values for {len(state)} loop variables")
    return state if test is not None and shapes_agree(state, after) else None


def run_while(op: Operator, context: Context, *inputs: np.ndarray) -> list[np.ndarray]:
    """subgraphs: cond, body. Raises OpError where the loop can be seen never to end."""
    cond, body = op.subgraphs
    state, pure = list(inputs), is_pure(cond) and is_pure(body)
    while truth(op, context.call(cond, state)[0]):
        before, state = state, context.call(body, state)
        if pure and all(map(same_bytes, before, state)):
            raise op.error(NEVER_ENDS)
    return state


NEVER_ENDS = "a loop never ends: an iteration left all its variables as they were; correct its condition or its body"


def is_pure(graph: Graph) -> bool:
    """Whether running the graph does nothing but compute its outputs."""
    calls = [op for op in graph.operators if op.subgraphs]
    others = (registry.get(op) for op in graph.operators if not op.subgraphs)
    if any(d.context or d.updates for d in others) or any(op.op == "CALL_ONCE" for op in calls):
        return False
    return all(is_pure(g) for op in calls for g in op.subgraphs)


def same_bytes(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays are the same to the last bit (so that NaN equals itself)."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a.tolist() == b.tolist() if a.dtype == object else bool((a.reshape(-1).view(np.uint8) == b.reshape(-1).view(np.uint8)).all())


def lower_while(low: Any, op: Operator) -> None:
    """The loop variables are values of their own, which the output tensors name once the loop has ended."""
    cond, body = op.subgraphs
    specs = [without_value(low.spec(t)) for t in op.inputs]
    state = [low.temporary(spec, t.name) for spec, t in zip(specs, op.outputs, strict=True)]
    changing = [i for i, spec in enumerate(specs) if spec.value is None]
    low.move([(low.value(op.inputs[i]), state[i]) for i in changing])
    top = low.here()
    (test,) = low.inline(cond, state, specs)
    end = low.jump_if_false(test)
    after = low.inline(body, state, specs)
    # All at once: a body may swap its loop variables.
    low.move([(after[i], state[i]) for i in changing], must_change=is_pure(cond) and is_pure(body))
    low.jump(top)
    end()
    for tensor, value in zip(op.outputs, state, strict=True):
        low.bind(tensor, value)


def unroll(at: Point) -> list[Term]:
    """The body as often as it runs. Raises OpError where that is not certain before."""
    (cond, body), state = at.op.subgraphs, list(at.op.inputs)
    while (goes_on := at.build.probe(cond, state)) is not None and truth(at.op, goes_on):
        state = list(at.build.inline(body, state))
    if goes_on is None:
        raise at.op.error("runs as often as values of the run tell; only a loop that counts to a constant has a gradient")
    return [Term(at.build, t) for t in state if t is not None]


_define("WHILE", "WhileOptions", infer_while, run_while, lower_while, Composition(unroll))

# CALL_ONCE: initialization, at the first run only.


def infer_nothing(op: Operator) -> list[Spec]:
    """No inputs, no outputs."""
    if op.subgraphs[0].inputs or op.subgraphs[0].outputs:
        raise op.error(f"calls graph {op.subgraphs[0].name!r}, which has inputs or outputs; an initializer has none")
    return []


def run_once(op: Operator, context: Context) -> list[np.ndarray]:
    """subgraphs: the initializer."""
    if _pending(op) not in context.state:
        context.state[_pending(op)] = False
        context.call(op.subgraphs[0], [])
    return []


def lower_once(low: Any, op: Operator) -> None:
    """Guarded by a variable that is true until the first run."""
    if infer_graph(op.subgraphs[0], []) is None:
        low.host(op)
        return
    flag = Spec((), np.dtype(np.bool_))
    pending = low.persistent(_pending(op), flag, np.array(True))
    skip = low.jump_if_false(pending)
    low.inline(op.subgraphs[0], [], [])
    low.move([(low.temporary(flag._replace(value=np.array(False))), pending)])
    skip()


def _pending(op: Operator) -> str:
    return f"initializer {id(op.subgraphs[0])}"


_define("CALL_ONCE", "CallOnceOptions", infer_nothing, run_once, lower_once)

# Composites: an operation by name, with the graph that defines it.


def infer_composite(op: Operator, *specs: Spec) -> list[Spec] | None:
    """What the decomposition gives."""
    results = infer_graph(op.subgraphs[0], arguments(op, op.subgraphs[0], specs))
    return results and [without_value(s) for s in results]


def run_composite(op: Operator, context: Context, *inputs: np.ndarray) -> list[np.ndarray]:
    """subgraphs: the decomposition."""
    return context.call(op.subgraphs[0], inputs)


def lower_composite(low: Any, op: Operator) -> None:
    """Inlined like any call."""
    call_and_bind(low, op, op.subgraphs[0], op.inputs, [low.define(t) for t in op.outputs])


def decompose(at: Point) -> list[Term]:
    """The decomposition's operators."""
    return [Term(at.build, t) for t in at.build.inline(at.op.subgraphs[0], at.op.inputs)]


_define("STABLEHLO_COMPOSITE", "StableHLOCompositeOptions", infer_composite, run_composite, lower_composite, Composition(decompose))
