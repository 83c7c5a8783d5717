"""What a TFLiteConverter is told about the target."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class OpsSet(Enum):
    """Operators that a file may use. Tachylite writes builtin ones; Flex and StableHLO operators are never needed, and never written."""

    TFLITE_BUILTINS = "TFLITE_BUILTINS"
    SELECT_TF_OPS = "SELECT_TF_OPS"
    TFLITE_BUILTINS_INT8 = "TFLITE_BUILTINS_INT8"
    EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8 = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
    EXPERIMENTAL_STABLEHLO_OPS = "EXPERIMENTAL_STABLEHLO_OPS"

    def __str__(self) -> str:
        return self.value


class Optimize(Enum):
    """Any of the first three quantizes, as the representative dataset and the target's types say."""

    DEFAULT = "DEFAULT"
    OPTIMIZE_FOR_SIZE = "OPTIMIZE_FOR_SIZE"
    OPTIMIZE_FOR_LATENCY = "OPTIMIZE_FOR_LATENCY"
    EXPERIMENTAL_SPARSITY = "EXPERIMENTAL_SPARSITY"

    def __str__(self) -> str:
        return self.value


@dataclass
class RepresentativeDataset:
    """Samples of what the model will meet.

    input_gen: called without arguments; yields arrays in the order of the inputs, a dict of arrays by input name, or a pair of a
    signature's key and such a dict.
    """

    input_gen: Callable[[], Iterable[Any]]


@dataclass
class TargetSpec:
    """supported_ops: OpsSets. supported_types: the smallest one is what weights become. The rest is accepted and has no effect."""

    supported_ops: Iterable[OpsSet] = field(default_factory=lambda: {OpsSet.TFLITE_BUILTINS})
    supported_types: Iterable[Any] = field(default_factory=set)
    experimental_select_user_tf_ops: Iterable[str] = field(default_factory=set)
    experimental_supported_backends: Iterable[str] | None = None

    def __post_init__(self) -> None:
        # As in tf.lite, None stands for the default.
        self.supported_ops = self.supported_ops or {OpsSet.TFLITE_BUILTINS}
        self.supported_types = self.supported_types or set()
        self.experimental_select_user_tf_ops = self.experimental_select_user_tf_ops or set()
