"""`tf.lite.experimental.Analyzer`: a model as text."""

from typing import Any

from tachylite.compress.calibrate import open_model
from tachylite.model.dtypes import TYPE_NAMES
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Model, Tensor
from tachylite.program.summary import weights


class Analyzer:
    """Prints what a model holds; `tachylite inspect` says more."""

    @staticmethod
    def analyze(model_path: Any = None, model_content: bytes | None = None, gpu_compatibility: bool = False, **kwargs: Any) -> None:
        """Print a model's graphs, operators and tensors.

        gpu_compatibility: not known of TFLite's GPU delegate, which is said in the output. Raises FileError, OSError, TachyliteError.
        """
        source = model_content if model_content is not None else model_path
        if source is None:
            raise TachyliteError("there is no model; give model_path or model_content")
        model = open_model(source)
        print("\n".join([f"=== {model_path or 'model_content'} ===", "", *describe(model)]))
        if gpu_compatibility:
            print("\nWhether TFLite's GPU delegate takes the model is not known here; delegates of Tachylite report each operator.")


def describe(model: Model) -> list[str]:
    """Lines for each graph, its operators and its tensors, and the bytes of the constants."""
    lines = [f"The model has {len(model.graphs)} subgraph(s). T# are tensors by number."]
    for number, graph in enumerate(model.graphs):
        lines += ["", *_describe_graph(graph, number)]
    return [*lines, "", f"Constants: {sum(weights(model).values())} bytes"]


def _describe_graph(graph: Graph, number: int) -> list[str]:
    names = {t: f"T#{i}" for i, t in enumerate(graph.tensors)}

    def listed(tensors: Any) -> str:
        return ", ".join("T#-1" if t is None else names[t] for t in tensors)

    lines = [f"Subgraph#{number} {graph.name}({listed(graph.inputs)}) -> [{listed(graph.outputs)}]"]
    lines += [f"  Op#{i} {op.op}({listed(op.inputs)}) -> [{listed(op.outputs)}]" for i, op in enumerate(graph.operators)]
    return [*lines, "", f"Tensors of Subgraph#{number}", *(f"  {names[t]}({t.name}) {_describe_tensor(t)}" for t in graph.tensors)]


def _describe_tensor(tensor: Tensor) -> str:
    shape = f"shape_signature:{list(tensor.shape_signature)}" if tensor.shape_signature else f"shape:{list(tensor.shape)}"
    stored = f" RO {tensor.data.nbytes} bytes" if tensor.data is not None else ""
    return f"{shape}, type:{TYPE_NAMES[tensor.dtype]}{stored}"
