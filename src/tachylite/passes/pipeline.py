"""The passes that a converted model goes through, in their order."""

from collections.abc import Sequence

from tachylite.model.graph import Model

from . import activation, batchnorm, canonicalize, cse, dead, fold, layout, operands, recover, univariate
from .probe import annotate
from .runner import Evaluate, Pass, run

DEFAULT: tuple[Pass, ...] = (
    dead.DEAD,
    fold.FOLD,
    canonicalize.CANONICALIZE,
    cse.CONSTANTS,
    cse.OPERATORS,
    univariate.UNIVARIATE,
    recover.RECOVER,
    batchnorm.BATCH_NORM,
    activation.ACTIVATION,
    operands.OPERANDS,
    Pass("shape signatures", lambda graph, keep: annotate(graph)),
    layout.LAYOUT,
)


def optimize(model: Model, passes: Sequence[Pass] = DEFAULT, evaluate: Evaluate | None = None) -> Model:
    """Make `model` smaller and faster, in place, and return it. It computes the same; inputs, outputs and signatures stay as they are.

    evaluate: runs the model, so that every pass is checked by what it did (see `runner.run`). Raises TachyliteError where one was wrong.
    """
    return run(model, passes, evaluate)
