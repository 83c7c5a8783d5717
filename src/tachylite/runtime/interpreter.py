"""The interpreter that a tf.lite user already knows."""

import enum
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy import ndarray

from tachylite.model import codec
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Model, Shape, Signature, Tensor
from tachylite.ops.registry import Spec
from tachylite.program.delegate import Delegate
from tachylite.program.target import REFERENCE, Target, installed_memory

from . import details, native
from .convert_input import from_tensor, to_tensor
from .delegate import Crew
from .details import VISIBLE
from .executor import Executor
from .partition_report import PartitionReport, report
from .profile import ProfileRow, gather
from .session import Session
from .signature import SignatureRunner

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

#: Memory, type and shape of a tensor that is not set the short way.
NOTHING: tuple[Any, None, None] = (None, None, None)


@enum.unique
class OpResolverType(enum.Enum):
    """BUILTIN_REF runs every operator's numpy reference; all others the native kernels, whose integer results are the same."""

    AUTO = 0
    BUILTIN = 1
    BUILTIN_REF = 2
    BUILTIN_WITHOUT_DEFAULT_DELEGATES = 3


class Interpreter:
    """Runs a `.tflite` model.

    One of model_path (a file, which is mapped, not read) and model_content (its bytes, or a Model) is needed. num_threads: at least 1.
    experimental_delegates (see load_delegate) take what they support of the model; what else there is runs on the CPU, see
    `partition_report()`. One that fails leaves its work to the CPU, with a warning, or raises where strict is given.
    experimental_preserve_all_tensors keeps intermediate results readable, but for those inside of a delegate's partition. profile:
    measure every operator, see `profile()`. The other arguments are those of tf.lite; they steer what does not exist here, and change
    nothing.
    Threads may share an interpreter: runs take turns, and a call of a signature is one step. Between a thread's set_tensor, invoke and
    get_tensor another thread's may come.
    Raises TachyliteError (a ValueError and a RuntimeError) for a damaged model, an unknown operator or a wrong argument.
    """

    def __init__(
        self,
        model_path: "str | os.PathLike[str] | None" = None,
        model_content: Any = None,
        experimental_delegates: "Sequence[Delegate] | None" = None,
        num_threads: int | None = None,
        experimental_op_resolver_type: OpResolverType = OpResolverType.AUTO,
        experimental_preserve_all_tensors: bool = False,
        experimental_disable_delegate_clustering: bool = False,
        experimental_default_delegate_latest_features: bool = False,
        experimental_compress_quantization_zero_points: bool = False,
        experimental_disable_delegate_node_fusion: bool = False,
        experimental_force_delegate_node_profiling: bool = False,
        *,
        profile: bool = False,
        strict: bool = False,
    ):
        if not isinstance(experimental_op_resolver_type, OpResolverType):
            raise TachyliteError(f"unrecognized op resolver type {experimental_op_resolver_type!r}; use a member of OpResolverType")
        if num_threads is not None and (isinstance(num_threads, bool) or not isinstance(num_threads, int) or num_threads < 1):
            raise TachyliteError(f"num_threads is {num_threads!r}; it must be an int of at least 1")
        self._crew = Crew(experimental_delegates or (), strict)
        self._compress_zero_points = experimental_compress_quantization_zero_points
        self._model = _open(model_path, model_content)
        is_reference = experimental_op_resolver_type is OpResolverType.BUILTIN_REF
        isa = REFERENCE.isa if is_reference else native.tier()
        target = Target(isa, workers=num_threads or 1, preserve_all=experimental_preserve_all_tensors, memory_bytes=installed_memory())
        self._session = Session(self._model, target, profile, self._crew)
        self._turn = self._session.state.turn
        self._shapes: dict[Tensor, Shape] = {t: t.shape for t in self._model.graph.inputs}
        #: What ran or was allocated last, by graph.
        self._executors: dict[int, Executor] = {}
        self._numbers = {id(t): i for graph in self._model.graphs for i, t in enumerate(graph.tensors)}
        self._pool: ThreadPoolExecutor | None = None
        self._use(None)

    # Planning.

    def resize_tensor_input(self, input_index: int, tensor_size: Sequence[int], strict: bool = False) -> None:
        """Give input tensor `input_index` the shape `tensor_size`; takes effect with allocate_tensors.

        strict: only dimensions that are -1 in shape_signature may change. Raises TachyliteError (a ValueError).
        """
        tensor = self._tensor(input_index)
        if tensor not in self._shapes:
            raise TachyliteError(
                f"tensor {input_index} {tensor.name!r} is not an input; the inputs are {self._indices(self._model.graph.inputs)}"
            )
        shape = tuple(int(d) for d in np.asarray(tensor_size).reshape(-1))
        if any(d < 0 for d in shape):
            raise TachyliteError(f"input {tensor.name!r} cannot take shape {list(shape)}; dimensions must be 0 or more")
        if strict:
            _check_strict(tensor, shape)
        if shape != self._shapes[tensor]:
            with self._turn:
                self._shapes[tensor] = shape
                self._use(None)

    def allocate_tensors(self) -> None:
        """Plan for the current input shapes. Raises TachyliteError where an operator cannot take them."""
        graph = self._model.graph
        with self._turn:
            self._use(self._session.prepare(graph, [Spec(self._shapes[t], t.dtype) for t in graph.inputs]))

    def _use(self, executor: Executor | None) -> None:
        """Let the main graph run in this executor; None where its shapes are not planned for yet."""
        graph = self._model.graph
        #: What makes set_tensor, invoke and get_tensor short: by tensor index, the memory that callers see as it is.
        self._memory: dict[int, np.ndarray] = {}
        self._inputs: dict[int, tuple[np.ndarray, np.dtype, Shape]] = {}
        #: How a run begins, and how one goes on that stopped: one pair, because a resize in another thread may bring another executor.
        self._run: tuple[Callable[[], int], Callable[[int], None]] = self._refuse, self._refuse
        if executor is None:
            self._executors.pop(id(graph), None)
            return
        self._executors[id(graph)] = executor
        for tensor in (*graph.inputs, *graph.outputs):
            if (memory := executor.own_memory(tensor)) is not None and memory.dtype not in VISIBLE:
                self._memory[self._numbers[id(tensor)]] = memory
        for number in self._indices(graph.inputs):
            if (memory := self._memory.get(number)) is not None:
                self._inputs[number] = memory, memory.dtype, memory.shape
        self._run = executor.start, executor.finish

    # Data in and out.

    def set_tensor(self, tensor_index: int, value: Any) -> None:
        """Copy `value` into an input (or a variable tensor). Raises TachyliteError that shows the expected type and shape."""
        memory, dtype, shape = self._inputs.get(tensor_index, NOTHING)
        if type(value) is ndarray and value.dtype is dtype and value.shape == shape:
            memory[...] = value
        else:
            self._set(tensor_index, value)

    def _set(self, tensor_index: int, value: Any) -> None:
        """As set_tensor, for what has to be checked or converted."""
        tensor, executor = self._tensor(tensor_index), self._ready()
        if tensor in self._shapes:
            array = to_tensor(value, tensor, self._shapes[tensor])
            executor.write(executor.entry.values[tensor], array)
        elif tensor.is_variable and (current := executor.array(tensor)) is not None:
            np.copyto(current, to_tensor(value, tensor, current.shape))
        else:
            raise TachyliteError(
                f"tensor {tensor_index} {tensor.name!r} is neither an input nor a variable; set inputs {self._indices(self._shapes)}"
            )

    def get_tensor(self, tensor_index: int, subgraph_index: int = 0) -> np.ndarray:
        """A copy of a tensor: an input, an output, a constant, or with experimental_preserve_all_tensors any other.

        Raises TachyliteError where it does not exist or was not kept.
        """
        memory = None if subgraph_index else self._memory.get(tensor_index)
        if memory is not None:
            return memory.copy()
        tensor = self._tensor(tensor_index, subgraph_index)
        return from_tensor(self._view(tensor, subgraph_index))

    def tensor(self, tensor_index: int) -> Callable[[], np.ndarray]:
        """A function that gives the tensor's own memory, without a copy; the array stays valid until the next allocate_tensors."""
        tensor = self._tensor(tensor_index)

        def view() -> np.ndarray:
            memory = self._memory.get(tensor_index)
            return self._view(tensor, 0) if memory is None else memory

        return view

    def _view(self, tensor: Tensor, subgraph_index: int) -> np.ndarray:
        executor = self._executors.get(id(self._model.graphs[subgraph_index]))
        array = executor.array(tensor) if executor is not None else None
        array = tensor.dense() if array is None else array
        if array is not None:
            return array
        if executor is None:
            raise TachyliteError(f"tensor {tensor.name!r} has no memory yet; call allocate_tensors first")
        raise TachyliteError(
            f"tensor {tensor.name!r} is an intermediate result whose memory is used again; "
            "construct the Interpreter with experimental_preserve_all_tensors=True"
        )

    # Running.

    def invoke(self) -> None:
        """Run the model on what the inputs hold. Raises TachyliteError (a RuntimeError) that names the operator which failed."""
        start, finish = self._run
        if status := start():
            finish(status)

    def invoke_async(self) -> "Future[None]":
        """Run in the background; the future's result() waits, and raises what invoke would. Runs go one after another."""
        from concurrent.futures import ThreadPoolExecutor  # which takes longer to import than all of this room

        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "tachylite")
        return self._pool.submit(self.invoke)

    def reset_all_variables(self) -> None:
        """Set the variable tensors (recurrent state) back to zero."""
        self._session.reset()

    def _run_graph(self, graph: Graph, inputs: Mapping[Tensor, Any]) -> dict[Tensor, np.ndarray]:
        """Run a graph on these inputs, whatever their shapes; copies of its outputs."""
        arrays = [to_tensor(inputs[t], t, None) for t in graph.inputs]
        with self._turn:
            executor = self._session.prepare(graph, [Spec(a.shape, t.dtype) for t, a in zip(graph.inputs, arrays, strict=True)])
            if graph is not self._model.graph:
                self._executors[id(graph)] = executor
            elif executor is not self._executors.get(id(graph)):
                self._shapes = {t: a.shape for t, a in zip(graph.inputs, arrays, strict=True)}
                self._use(executor)
            for number, array in zip(executor.entry.inputs, arrays, strict=True):
                executor.write(number, array)
            executor.run()
            return {t: from_tensor(a) for t, a in zip(graph.outputs, executor.outputs(), strict=True)}

    # Checkpoints of what a trainable model has learned.

    def save_checkpoint(self, path: "str | os.PathLike[str]") -> None:
        """Write all variables as a safetensors file, at once. Raises TachyliteError for a model that is not trainable, OSError."""
        from . import checkpoint

        checkpoint.save(self, path)

    def load_checkpoint(self, path: "str | os.PathLike[str]") -> None:
        """Set all variables. Raises TachyliteError, and changes none, where names or shapes are those of another model; OSError."""
        from . import checkpoint

        checkpoint.load(self, path)

    # Seeing.

    def partition_report(self) -> PartitionReport:
        """Where each operator of what was planned so far runs, why not on a delegate, and the bytes that cross; printable.

        Raises TachyliteError before allocate_tensors.
        """
        with self._turn:
            executors = list(self._session.executors())
            if not executors:
                raise TachyliteError("nothing is planned yet; call allocate_tensors first")
            return report([executor.program for executor in executors], self._crew)

    def profile(self) -> list[ProfileRow]:
        """What each operator has taken in the runs so far. Raises TachyliteError without `profile=True`."""
        with self._turn:
            return gather(self._profiled())

    def reset_profile(self) -> None:
        """Begin the profile anew: forget the runs so far, such as a first one that warmed up. Raises TachyliteError."""
        with self._turn:
            for executor in self._profiled():
                executor.reset_timings()

    def _profiled(self) -> list[Executor]:
        if self._session.state.stopwatch is None:
            raise TachyliteError("runs are not profiled; construct the Interpreter with profile=True")
        return list(self._session.executors())

    # Describing.

    def get_input_details(self) -> list[dict[str, Any]]:
        """One dictionary per input.

        Keys: name, index, shape, shape_signature, dtype, quantization, quantization_parameters, sparsity_parameters.
        """
        return [self._details(self._model.graph, t) for t in self._model.graph.inputs]

    def get_output_details(self) -> list[dict[str, Any]]:
        """One dictionary per output, as get_input_details gives them; shapes that depend on data are those of the last run."""
        return [self._details(self._model.graph, t) for t in self._model.graph.outputs]

    def get_tensor_details(self, subgraph_index: int = 0) -> list[dict[str, Any]]:
        """One dictionary per tensor of a graph. Raises TachyliteError where there is no such graph."""
        graph = self._graph(subgraph_index)
        return [self._details(graph, t) for t in graph.tensors]

    def _details(self, graph: Graph, tensor: Tensor) -> dict[str, Any]:
        executor = self._executors.get(id(graph))
        spec = executor.spec(tensor) if executor is not None else None
        shape = spec.shape if spec is not None else self._shapes.get(tensor, tensor.shape) if graph is self._model.graph else tensor.shape
        return details.tensor_details(tensor, self._numbers[id(tensor)], shape)

    def _get_tensor_details(self, tensor_index: int, subgraph_index: int) -> dict[str, Any]:
        return self._details(self._graph(subgraph_index), self._tensor(tensor_index, subgraph_index))

    def _get_ops_details(self) -> list[dict[str, Any]]:
        """One dictionary per operator of the main graph: index, op_name, inputs, outputs, operand_types, result_types."""
        return [self._get_op_details(i) for i in range(len(self._model.graph.operators))]

    def _get_op_details(self, op_index: int) -> dict[str, Any]:
        return details.op_details(self._model.graph, op_index)

    def num_subgraphs(self) -> int:
        """Number of graphs in the model."""
        return len(self._model.graphs)

    # Signatures.

    def get_signature_list(self) -> dict[str, dict[str, list[str]]]:
        """`{key: {"inputs": [names], "outputs": [names]}}`."""
        return {key: {kind: list(names) for kind, names in tensors.items()} for key, tensors in self._get_full_signature_list().items()}

    def _get_full_signature_list(self) -> dict[str, dict[str, dict[str, int]]]:
        return {
            s.key: {
                "inputs": {name: self._numbers[id(t)] for name, t in s.inputs.items()},
                "outputs": {name: self._numbers[id(t)] for name, t in s.outputs.items()},
            }
            for s in self._model.signatures
        }

    def get_signature_runner(self, signature_key: str | None = None) -> SignatureRunner:
        """A callable for one signature; the key may be left out where there is only one. Raises TachyliteError (a ValueError)."""
        if signature_key is None:
            if len(self._model.signatures) != 1:
                raise TachyliteError(f"the model has {len(self._model.signatures)} signatures {self._keys()}; name one as signature_key")
            signature_key = self._model.signatures[0].key
        return SignatureRunner(self, signature_key)

    def _signature(self, key: str) -> Signature:
        for signature in self._model.signatures:
            if signature.key == key:
                return signature
        raise TachyliteError(f"there is no signature {key!r}; the model has {self._keys()}")

    def _keys(self) -> list[str]:
        return [s.key for s in self._model.signatures]

    # Small things.

    @property
    def experimental_compress_quantization_zero_points(self) -> bool:
        """The constructor's argument."""
        return self._compress_zero_points

    def _native_handle(self) -> int:
        """tf.lite's pointer to the C++ interpreter. Raises TachyliteError: there is none."""
        raise TachyliteError("there is no tflite::Interpreter behind this interpreter")

    def _refuse(self, *_: int) -> NoReturn:
        raise TachyliteError("the tensors have no memory yet; call allocate_tensors first (again after resize_tensor_input)")

    def _ready(self) -> Executor:
        executor = self._executors.get(id(self._model.graph))
        if executor is None:
            self._refuse()
        return executor

    def _graph(self, subgraph_index: int) -> Graph:
        if not 0 <= subgraph_index < len(self._model.graphs):
            raise TachyliteError(
                f"subgraph_index is out of range: {subgraph_index} for the model, which has {len(self._model.graphs)} subgraphs"
            )
        return self._model.graphs[subgraph_index]

    def _tensor(self, tensor_index: int, subgraph_index: int = 0) -> Tensor:
        tensors = self._graph(subgraph_index).tensors
        if not 0 <= tensor_index < len(tensors):
            raise TachyliteError(f"tensor index {tensor_index} is out of range; subgraph {subgraph_index} has {len(tensors)} tensors")
        return tensors[tensor_index]

    def _indices(self, tensors: Any) -> list[int]:
        return [self._numbers[id(t)] for t in tensors]


class InterpreterWithCustomOps(Interpreter):
    """An Interpreter with custom operators of its own.

    custom_op_registerers: functions, called without arguments, that call `tachylite.register(OpDef(...))`. (tf.lite's take a pointer to its
    C++ resolver, and names of C symbols; neither can work here, and a name is refused.)
    """

    def __init__(self, custom_op_registerers: "Sequence[Callable[[], Any]] | None" = None, **kwargs: Any):
        for registerer in custom_op_registerers or ():
            if not callable(registerer):
                raise TachyliteError(f"{registerer!r} is not a function; pass functions that call tachylite.register(OpDef(...))")
            registerer()
        super().__init__(**kwargs)


def _open(path: Any, content: Any) -> Model:
    if path and content:
        raise TachyliteError("model_path and model_content were both given; give one")
    if not path and not content:
        raise TachyliteError("`model_path` or `model_content` must be specified")
    if isinstance(content, Model):
        return content
    return codec.read_file(path) if path else codec.read(content)


def _check_strict(tensor: Tensor, shape: Shape) -> None:
    signature = tensor.shape_signature or tensor.shape
    if len(signature) != len(shape) or any(s not in (-1, d) for s, d in zip(signature, shape, strict=True)):
        raise TachyliteError(
            f"strict: input {tensor.name!r} has shape signature {list(signature)}, which {list(shape)} does not fit; only -1 may be changed"
        )
