"""`tf.lite.TFLiteConverter` with its class methods and attributes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tachylite.frontends import stablehlo
from tachylite.frontends.source import convert
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model

from . import quantizing
from .settings import Optimize, TargetSpec

_WITHOUT_EFFECT: dict[str, Any] = {
    "experimental_new_converter": True,
    "experimental_new_quantizer": True,
    "experimental_new_dynamic_range_quantizer": True,
    "experimental_enable_resource_variables": True,
    "experimental_lower_to_saved_model": True,
    "experimental_use_stablehlo_quantizer": False,
    "experimental_stablehlo_quantizer_config": None,
    "unfold_batchmatmul": False,
    "legalize_custom_tensor_list_ops": False,
    "exclude_conversion_metadata": False,
    "canonicalizing_inf_as_min_max_float": True,
    "serialize_debug_metadata": False,
    "saved_model_dir": None,
    "model_origin_framework": "UNSET",
    **dict.fromkeys(("ir_dump_dir", "ir_dump_pass_regex", "ir_dump_func_regex", "enable_timing")),
    **dict.fromkeys(("print_ir_before", "print_ir_after", "print_ir_module_scope", "elide_elementsattrs_if_larger")),
}
"""Attributes that choose between TensorFlow's implementations, or let it say what it does; they can be read and set."""


class TFLiteConverter:
    """Converts a model to the bytes of a `.tflite`; get one from a `from_...` method, set attributes, call `convert`.

    optimizations: a collection of Optimize; any of them but EXPERIMENTAL_SPARSITY quantizes.
    representative_dataset: a RepresentativeDataset or the function in it; with it activations are quantized too.
    target_spec: see TargetSpec. inference_input_type, inference_output_type: types of NumPy or TensorFlow; int8, uint8 or int16 where
    activations are quantized. allow_custom_ops: pass operators on that have no counterpart. Attributes of tf.lite that choose between
    implementations (experimental_new_converter and such) can be set and have no effect.
    """

    optimizations: Sequence[Optimize] | set[Optimize]

    def __init__(self, funcs: Sequence[Any], trackable_obj: Any = None):
        """funcs: one concrete function. Raises TachyliteError for another number of them."""
        if len(funcs) != 1:
            raise TachyliteError(f"got {len(funcs)} functions; give one, or save them in a SavedModel for from_saved_model")
        self._begin(lambda: convert(funcs[0]))
        self._owner = trackable_obj  # variables that live in it stay alive

    def _begin(self, read: Callable[..., Model]) -> None:
        self._read = read
        self.optimizations = set()
        self.representative_dataset: Any = None
        self.target_spec = TargetSpec()
        self.inference_input_type: Any = np.float32
        self.inference_output_type: Any = np.float32
        self.allow_custom_ops = False
        vars(self).update(_WITHOUT_EFFECT)

    @classmethod
    def _of(cls, read: Callable[..., Model]) -> "TFLiteConverter":
        converter = cls.__new__(cls)
        converter._begin(read)
        return converter

    @classmethod
    def from_saved_model(cls, saved_model_dir: Any, signature_keys: Sequence[str] | None = None, tags: Any = None) -> "TFLiteConverter":
        """A SavedModel's folder. tags: the graph for serving is taken, whatever they say."""
        return cls._of(lambda **options: convert(saved_model_dir, signatures=tuple(signature_keys or ()), **options))

    @classmethod
    def from_keras_model(cls, model: Any) -> "TFLiteConverter":
        """A live Keras model, or the path of a `.keras` or `.h5` file."""
        return cls._of(lambda **options: convert(model, **options))

    #: As in tf.compat.v1.lite.
    from_keras_model_file = from_keras_model

    @classmethod
    def from_concrete_functions(cls, funcs: Sequence[Any], trackable_obj: Any = None) -> "TFLiteConverter":
        """One concrete function."""
        return cls(funcs, trackable_obj)

    @classmethod
    def from_frozen_graph(
        cls, graph_def_file: Any, input_arrays: Sequence[str], output_arrays: Sequence[str], input_shapes: Any = None
    ) -> "TFLiteConverter":
        """A frozen GraphDef, between these tensors (tf.compat.v1.lite)."""

        def read(**options: Any) -> Model:
            return convert(graph_def_file, input_shapes=input_shapes, inputs=input_arrays, outputs=output_arrays, **options)

        return cls._of(read)

    @classmethod
    def experimental_from_jax(cls, serving_funcs: Sequence[Any], inputs: Sequence[Sequence[tuple[str, Any]]]) -> "TFLiteConverter":
        """One function of JAX, and for each of its arguments the name and an array like those that it will meet."""
        if len(serving_funcs) != 1 or len(inputs) != 1:
            raise TachyliteError(f"got {len(serving_funcs)} functions with {len(inputs)} lists of inputs; give one of each")
        return cls._of(lambda **options: convert(stablehlo.exported(serving_funcs[0], [x for _, x in inputs[0]]), **options))

    def convert(self) -> bytes:
        """The file. Raises what `tachylite.convert` and `tachylite.quantize` raise."""
        return quantizing.finish(self, self.float_model()).to_bytes()

    def float_model(self) -> Model:
        """The model before it is quantized."""
        return self._read(custom_ops=("*",)) if self.allow_custom_ops else self._read()
