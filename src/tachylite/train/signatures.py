"""A model that trains: its weights as variables, and signatures to train, use, judge, save and restore them. All in builtin operators.

train(inputs…, target, learning_rate) -> loss, gradient_norm      one step on a batch
infer(inputs…) -> outputs…                                        as the model was
evaluate(inputs…, target) -> loss, outputs…                       on a batch
save() -> every variable by name          restore(every variable by name) -> step
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.compress.calibrate import open_model
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Model, Signature, Tensor
from tachylite.ops.calculus import Term, where
from tachylite.passes import cse, dead, fold
from tachylite.passes.runner import run

from .batching import before, of_batch
from .gradient import gradients
from .loss import loss_of
from .optimizer import NO_CLIP, Clip, Optimizer, described, optimizer_of
from .trainable import Patterns, beginning, trained
from .variables import STEP, Scope, Variables
from .weight import Weight

METADATA = "tachylite_training"
"""The name of the metadata that tell how a model was made trainable, as JSON."""

LARGEST = 3e38
"""No loss or sum of squares is meant to be as large. Sums and products end at the greatest float, where others would be infinite."""


def make_trainable(
    model: Any,
    *,
    loss: str = "sparse_crossentropy",
    optimizer: "str | Optimizer" = "adam",
    trainable: Patterns = "*",
    batch: int = 32,
    smoothing: float = 0.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    initialize: int | None = None,
    segments: int = 1,
) -> Model:
    """A model with signatures train, infer, evaluate, save and restore; it runs in LiteRT as well.

    model: a path, bytes or a Model of floats, with one graph; a loss of classes takes its first output before a SOFTMAX or LOGISTIC.
    loss: sparse_crossentropy, crossentropy, binary_crossentropy, mse, mae or huber; smoothing: of the classes.
    optimizer: sgd, momentum, rmsprop, adam, adamw, or an Optimizer with other settings.
    trainable: patterns of the names of the constants that are trained.
    batch: how many samples a step takes. clip_norm: the greatest norm of all gradients together; clip_value: of each element.
    initialize: a seed: the weights begin as random numbers instead of those in the model. segments: more than 1 saves memory for time.
    A step whose loss or gradients are not finite leaves the variables as they are.
    Raises TachyliteError where the model cannot be trained so: it names what has no gradient, or what no pattern matches.
    """
    source = prepared(open_model(model))
    variables = Variables()
    weights = {
        t: Weight(variables.add(t.name, t.shape, t.dtype, beginning(op, t, initialize)))
        for t, op in trained(source.graph, trainable).items()
    }
    clip = Clip(clip_norm, clip_value)
    return build(
        source, variables, weights, Plan(source.graph, names_of(source), loss, optimizer_of(optimizer), batch, smoothing, clip, segments)
    )


def build(source: Model, variables: Variables, weights: "dict[Tensor, Weight]", plan: "Plan") -> Model:
    """The trainable model. variables: those of the weights; the optimizer's are added. source: is left as it is."""
    trainable = [w.variable for w in weights.values()]
    slots = {
        (name, slot): variables.add(f"{name}/{slot}", variables.known[name].shape, np.dtype(np.float32))
        for name in trainable
        for slot in plan.optimizer.slots
    }
    variables.add(STEP, (1,), np.dtype(np.int32))
    entries = [plan.train(variables, weights, slots), plan.infer(variables, weights), plan.evaluate(variables, weights)]
    entries += [_save(variables), _restore(variables)]
    settings = {"loss": plan.loss, "optimizer": described(plan.optimizer), "batch": plan.batch, "trained": trainable}
    metadata = {**source.metadata, METADATA: json.dumps(settings).encode()}
    graphs = [s.graph for s in entries]
    # What is used most comes first: to a reader without signatures, the model is what it was.
    order = [graphs[1], graphs[0], *graphs[2:], variables.initializer]
    result = Model(order, entries, metadata, source.description, dict(source.files))
    run(result, [dead.DEAD, fold.FOLD, cse.CONSTANTS, *([cse.OPERATORS] if plan.segments == 1 else [])])
    result.verify()
    return result


def settings_of(model: Model) -> dict[str, Any]:
    """How a model was made trainable. Raises TachyliteError where it was not."""
    if METADATA not in model.metadata:
        raise TachyliteError(
            "the model cannot be trained; make it trainable first, with tachylite.make_trainable or `tachylite make-trainable`"
        )
    settings: dict[str, Any] = json.loads(bytes(model.metadata[METADATA]))
    return settings


def prepared(model: Model) -> Model:
    """A copy whose constants are what they come to: 16-bit weights that are dequantized, for example."""
    result = model.copy()
    for op in result.operators():
        if op.op == "DEQUANTIZE" and op.inputs[0] is not None and op.inputs[0].is_constant and op.inputs[0].dtype == np.float16:
            value = op.inputs[0].dense()
            assert value is not None
            op.outputs[0].data = value.astype(np.float32)
    for graph in result.graphs:
        graph.operators = [op for op in graph.operators if not (op.op == "DEQUANTIZE" and op.outputs[0].is_constant)]
    return run(result, [dead.DEAD, fold.FOLD])


def names_of(model: Model) -> tuple[dict[Tensor, str], dict[Tensor, str]]:
    """What callers call the main graph's inputs and outputs: as its signature does, where it has one."""
    signature = next((s for s in model.signatures if s.graph is model.graph), None)
    if signature is not None:
        inputs, outputs = ({t: name for name, t in tensors.items()} for tensors in (signature.inputs, signature.outputs))
        if all(t in inputs for t in model.graph.inputs) and all(t in outputs for t in model.graph.outputs):
            return inputs, outputs
    return {t: t.name for t in model.graph.inputs}, {t: t.name for t in model.graph.outputs}


@dataclass(frozen=True)
class Plan:
    """What is made of a graph, and how; names: what callers call its inputs and outputs. The arguments of `make_trainable`."""

    graph: Graph
    names: tuple[dict[Tensor, str], dict[Tensor, str]]
    loss: str
    optimizer: Optimizer
    batch: int
    smoothing: float = 0.0
    clip: Clip = NO_CLIP
    segments: int = 1

    def train(self, variables: Variables, weights: dict[Tensor, Weight], slots: dict[tuple[str, str], str]) -> Signature:
        """One step on a batch."""
        scope = variables.open("train")
        build = scope.build
        values, seen = _read(scope, weights)
        inputs, target, loss, _ = self._forward(scope, seen)
        rate = Term(build, build.input("learning_rate", ()))
        found = gradients(build.graph, {loss.tensor: build.constant(np.float32(1))}, list(seen.values()), segments=self.segments)
        if missing := [t.name for t, g in zip(seen, found, strict=True) if g is None]:
            raise TachyliteError(f"the loss does not depend on {', '.join(missing)}; leave them out of `trainable`")
        slopes = [w.pulled(scope, Term(build, g)) for w, g in zip(weights.values(), found, strict=True) if g is not None]
        square = _total([(g * g).sum(*range(g.rank)) for g in slopes])
        norm = square.SQRT()
        is_finite = (loss + square).ABS() < LARGEST
        count = Term(build, scope.read(STEP)) + Term(build, build.constant(np.array([1], np.int32)))
        number = count.CAST(in_data_type="INT32", out_data_type="FLOAT32").reshape(())
        for (name, value), slope in zip(values.items(), self.clip.applied(slopes, norm), strict=True):
            memory = {slot: Term(build, scope.read(slots[name, slot])) for slot in self.optimizer.slots}
            moved, remembered = self.optimizer.step(value, slope, memory, rate, number)
            scope.assign(name, where(is_finite, moved, value).tensor)
            for slot, old in memory.items():
                scope.assign(slots[name, slot], where(is_finite, remembered[slot], old).tensor)
        scope.assign(STEP, count.tensor)
        build.outputs(loss.tensor, norm.tensor)
        return Signature(
            "train",
            build.graph,
            {**inputs, "target": target, "learning_rate": rate.tensor},
            {"loss": loss.tensor, "gradient_norm": norm.tensor},
        )

    def evaluate(self, variables: Variables, weights: dict[Tensor, Weight]) -> Signature:
        """The loss of a batch, and the model's outputs."""
        scope = variables.open("evaluate")
        inputs, target, loss, outputs = self._forward(scope, _read(scope, weights)[1])
        scope.build.outputs(loss.tensor, *outputs.values())
        return Signature("evaluate", scope.build.graph, {**inputs, "target": target}, {"loss": loss.tensor, **outputs})

    def infer(self, variables: Variables, weights: dict[Tensor, Weight]) -> Signature:
        """The model on inputs as it took them."""
        scope = variables.open("infer")
        build = scope.build
        inputs = [build.input(t.name, t.shape, t.dtype, t.quantization) for t in self.graph.inputs]
        for new, old in zip(inputs, self.graph.inputs, strict=True):
            new.shape_signature = old.shape_signature
        outputs = build.inline(self.graph, inputs, _read(scope, weights)[1])
        build.outputs(*outputs)
        called, given = self.names
        return Signature(
            "infer",
            build.graph,
            {called[old]: new for old, new in zip(self.graph.inputs, inputs, strict=True)},
            {given[old]: new for old, new in zip(self.graph.outputs, outputs, strict=True)},
        )

    def _forward(self, scope: Scope, seen: dict[Tensor, Tensor]) -> tuple[dict[str, Tensor], Tensor, Term, dict[str, Tensor]]:
        """Inputs by name, the target, the loss, and outputs by name, of a batch."""
        build, graph = scope.build, of_batch(self.graph, self.batch)
        inputs = [build.input(t.name, (self.batch, *t.shape[1:]), t.dtype) for t in graph.inputs]
        results = build.inline(graph, inputs, seen)
        kind = loss_of(self.loss)
        output = before(build.graph, results[0], kind.before)
        target = build.input("target", *kind.target(output.shape))
        loss = kind.function(Term(build, output), Term(build, target), self.smoothing)
        called, given = self.names
        taken = {called[old]: new for old, new in zip(self.graph.inputs, inputs, strict=True)}
        return taken, target, loss, {given[old]: new for old, new in zip(self.graph.outputs, results, strict=True)}


def _read(scope: Scope, weights: dict[Tensor, Weight]) -> tuple[dict[str, Term], dict[Tensor, Tensor]]:
    """The values of what is trained, by name, and what layers see in place of the constants."""
    values = {w.variable: Term(scope.build, scope.read(w.variable)) for w in weights.values()}
    return values, {t: w.seen(scope, values[w.variable]).tensor for t, w in weights.items()}


def _total(terms: Sequence[Term]) -> Term:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _save(variables: Variables) -> Signature:
    """Every variable by name."""
    scope = variables.open("save")
    values = {name: scope.read(name) for name in variables.known}
    scope.build.outputs(*values.values())
    return Signature("save", scope.build.graph, {}, values)


def _restore(variables: Variables) -> Signature:
    """Set every variable; gives the number of steps that they have been trained."""
    scope = variables.open("restore")
    values = {name: scope.build.input(f"{name}/new", v.shape, v.dtype) for name, v in variables.known.items()}
    for name, value in values.items():
        scope.assign(name, value)
    step = scope.read(STEP)
    scope.build.outputs(step)
    return Signature("restore", scope.build.graph, values, {STEP: step})
