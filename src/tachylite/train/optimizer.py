"""Optimizers: how weights follow their gradients. Each states, in terms, what becomes of a weight and of what it remembers of it."""

import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from tachylite.model.errors import TachyliteError
from tachylite.ops.calculus import Term, apply

Memory = dict[str, Term]


@dataclass(frozen=True)
class Optimizer:
    """The base of all. slots: what is remembered of each weight, in its shape, zero at first; rate: a learning rate to begin with."""

    slots: ClassVar[tuple[str, ...]] = ()
    rate: ClassVar[float] = 0.01

    def step(self, weight: Term, gradient: Term, memory: Memory, rate: Term, count: Term) -> tuple[Term, Memory]:
        """The new weight and what is remembered now. rate: float32 []; count: the number of this step, from 1 on, float32 []."""
        raise NotImplementedError


@dataclass(frozen=True)
class SGD(Optimizer):
    """w - rate g."""

    def step(self, weight: Term, gradient: Term, memory: Memory, rate: Term, count: Term) -> tuple[Term, Memory]:
        return weight - rate * gradient, {}


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v = momentum v + g; w - rate v, or w - rate (g + momentum v) where it is Nesterov's (Sutskever et al., 2013)."""

    momentum: float = 0.9
    nesterov: bool = False
    slots: ClassVar = ("velocity",)

    def step(self, weight: Term, gradient: Term, memory: Memory, rate: Term, count: Term) -> tuple[Term, Memory]:
        velocity = memory["velocity"] * self.momentum + gradient
        direction = gradient + velocity * self.momentum if self.nesterov else velocity
        return weight - rate * direction, {"velocity": velocity}


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """s = rho s + (1 - rho) g^2; w - rate g / (sqrt(s) + epsilon) (Tieleman and Hinton, 2012)."""

    rho: float = 0.9
    epsilon: float = 1e-7
    slots: ClassVar = ("square",)
    rate: ClassVar = 0.001

    def step(self, weight: Term, gradient: Term, memory: Memory, rate: Term, count: Term) -> tuple[Term, Memory]:
        square = memory["square"] * self.rho + gradient * gradient * (1 - self.rho)
        return weight - rate * gradient / (square.SQRT() + self.epsilon), {"square": square}


@dataclass(frozen=True)
class Adam(Optimizer):
    """Means of the gradient and of its square, both corrected for their beginning at zero (Kingma and Ba, 2015)."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    slots: ClassVar = ("mean", "square")
    rate: ClassVar = 0.001

    def step(self, weight: Term, gradient: Term, memory: Memory, rate: Term, count: Term) -> tuple[Term, Memory]:
        mean = memory["mean"] * self.beta_1 + gradient * (1 - self.beta_1)
        square = memory["square"] * self.beta_2 + gradient * gradient * (1 - self.beta_2)
        step = rate / _rest(self.beta_1, count)
        spread = (square / _rest(self.beta_2, count)).SQRT() + self.epsilon
        return weight - step * mean / spread, {"mean": mean, "square": square}


def _rest(beta: float, count: Term) -> Term:
    """1 - beta ** count."""
    return 1.0 - (count * math.log(beta)).EXP()


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam, with a decay of the weights apart from their gradients (Loshchilov and Hutter, 2019)."""

    decay: float = 0.01

    def step(self, weight: Term, gradient: Term, memory: Memory, rate: Term, count: Term) -> tuple[Term, Memory]:
        moved, remembered = super().step(weight, gradient, memory, rate, count)
        return moved - rate * self.decay * weight, remembered


OPTIMIZERS: dict[str, type[Optimizer]] = {c.__name__.lower(): c for c in (SGD, Momentum, RMSprop, Adam, AdamW)}
"""By the names that `make_trainable` takes."""


def optimizer_of(wanted: Any) -> Optimizer:
    """An optimizer, or the one of a name. Raises TachyliteError."""
    if isinstance(wanted, Optimizer):
        return wanted
    if wanted not in OPTIMIZERS:
        raise TachyliteError(f"there is no optimizer {wanted!r}; give one of {', '.join(OPTIMIZERS)}, or an Optimizer")
    return OPTIMIZERS[wanted]()


@dataclass(frozen=True)
class Clip:
    """norm: the greatest of all gradients together; each: the greatest magnitude of an element. None for no such limit."""

    norm: float | None = None
    each: float | None = None

    def applied(self, gradients: list[Term], norm: Term) -> list[Term]:
        """Gradients without elements beyond `each`, then all shortened alike where `norm`, which is theirs, is beyond the greatest."""
        if self.each is not None:
            gradients = [g.MINIMUM(self.each).MAXIMUM(-self.each) for g in gradients]
        if self.norm is not None:
            scale: Term = apply(norm.build, "MINIMUM", self.norm / norm.MAXIMUM(1e-12), 1.0)
            gradients = [g * scale for g in gradients]
        return gradients


NO_CLIP = Clip()


def described(optimizer: Optimizer) -> dict[str, Any]:
    """Its name and settings, for a model's metadata."""
    return {"name": type(optimizer).__name__.lower(), **{f.name: getattr(optimizer, f.name) for f in fields(optimizer)}}
