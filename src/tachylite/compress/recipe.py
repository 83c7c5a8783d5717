"""Recipes: which operators are quantized how, as a name or as a list of rules."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.model.dtypes import INT4
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Operator

INT8, UINT8, INT16, FLOAT16 = (np.dtype(t) for t in (np.int8, np.uint8, np.int16, np.float16))


@dataclass(frozen=True)
class Scheme:
    """The types that an operator's constants and activations take.

    weights: of its constants, None for float32. activations: None for float32; products of float activations with integer weights are
    then computed in integers, the activations being quantized on the fly. explicit: the weights are made float32 before they are used.
    """

    name: str
    weights: np.dtype | None = None
    activations: np.dtype | None = None
    explicit: bool = False


SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme("float"),
        Scheme("float16", FLOAT16, explicit=True),
        Scheme("weight_only_wi8", INT8, explicit=True),
        Scheme("weight_only_wi4", INT4, explicit=True),
        Scheme("dynamic_wi8_afp32", INT8),
        Scheme("dynamic_wi4_afp32", INT4),
        Scheme("static_wi8_ai8", INT8, INT8),
        Scheme("static_wi4_ai8", INT4, INT8),
        Scheme("static_wi8_ai16", INT8, INT16),
        Scheme("static_wi4_ai16", INT4, INT16),
        Scheme("static_wu8_au8", UINT8, UINT8),
    )
}
"""By name. A name says the type of the weights, then that of the activations."""

ANY = "*"


@dataclass(frozen=True)
class Rule:
    """Operators of this name, one of whose outputs has this name: this scheme. Both are patterns with * and ?.

    block_size: elements of a row that share a scale, for weights of 4 bits; 0 for one scale per channel.
    per_channel: False for one scale per tensor of weights.
    """

    scheme: str
    operator: str = ANY
    name: str = ANY
    block_size: int = 0
    per_channel: bool = True

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise TachyliteError(f"there is no scheme {self.scheme!r}; choose one of {', '.join(SCHEMES)}")
        if self.block_size < 0 or (self.block_size and SCHEMES[self.scheme].weights != INT4):
            raise TachyliteError(f"block_size is {self.block_size} for {self.scheme}; only weights of 4 bits have blocks, of 32 say")

    @property
    def types(self) -> Scheme:
        """The scheme that it names."""
        return SCHEMES[self.scheme]

    @property
    def is_demand(self) -> bool:
        """Whether it names what it is about: an operator that cannot follow is then an error, not left in float."""
        return self.operator != ANY or self.name != ANY

    def matches(self, op: Operator) -> bool:
        """Whether the operator is meant."""
        return fnmatchcase(op.op, self.operator) and any(fnmatchcase(t.name, self.name) for t in op.outputs)


FLOAT = Rule("float")

Recipe = str | Rule | Mapping[str, Any] | Sequence[Rule | Mapping[str, Any]]
"""What callers may give: a scheme's name, a rule, or several, of which the last that matches counts."""


def rules_of(recipe: Recipe) -> tuple[Rule, ...]:
    """The rules of a recipe. Raises TachyliteError where there is something in it that is not known."""
    if isinstance(recipe, str):
        return (Rule(recipe),)
    parts: Iterable[Rule | Mapping[str, Any]] = [recipe] if isinstance(recipe, Rule | Mapping) else recipe
    return tuple(part if isinstance(part, Rule) else _rule(part) for part in parts)


def _rule(part: Mapping[str, Any]) -> Rule:
    known = {field.name for field in fields(Rule)}
    if not isinstance(part, Mapping) or "scheme" not in part or not part.keys() <= known:
        raise TachyliteError(f"{part!r} is no rule; give a scheme and what it is for, with these keys: {', '.join(sorted(known))}")
    return Rule(**part)


def read_rules(text: str) -> tuple[Rule, ...]:
    """The rules of a scheme's name, or of a JSON file that holds a rule or a list of them. Raises TachyliteError, OSError."""
    if text in SCHEMES or not text.endswith(".json"):
        return rules_of(text)
    try:
        return rules_of(json.loads(Path(text).read_text(encoding="utf-8")))
    except json.JSONDecodeError as problem:
        raise TachyliteError(f"{text} is no JSON: {problem}; write a list of rules such as {{'scheme': 'static_wi8_ai8'}}") from problem


def rule_for(rules: Sequence[Rule], op: Operator) -> Rule:
    """The last rule that means the operator; float where none does."""
    return next((rule for rule in reversed(rules) if rule.matches(op)), FLOAT)
