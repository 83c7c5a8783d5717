"""What a model says about itself: names and descriptions for people, normalization and labels for programs (TFLite Metadata).

It is a flatbuffer of its own in the metadata buffer TFLITE_METADATA; the files that it names (labels, vocabularies) are `Model.files`.
Records have the metadata schema's tables and fields: `metadata.record("TensorMetadata", name="image")`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from . import tables
from .errors import TachyliteError
from .flatbuffer import Reader, Writer
from .graph import Model

IDENTIFIER = b"M001"
BUFFER = "TFLITE_METADATA"

#: The schema version that brought a table, a field or the value of an enum, where that is not the first.
SINCE = {
    "AssociatedFileType.VOCABULARY": "1.0.1",
    "BertTokenizerOptions": "1.1.0",
    "SentencePieceTokenizerOptions": "1.1.0",
    "SubGraphMetadata.input_process_units": "1.1.0",
    "SubGraphMetadata.output_process_units": "1.1.0",
    "TensorGroup": "1.2.0",
    "RegexTokenizerOptions": "1.2.1",
    "AudioProperties": "1.3.0",
    "AssociatedFileType.SCANN_INDEX_FILE": "1.4.0",
    "AssociatedFile.version": "1.4.1",
    "CustomMetadata": "1.5.0",
}


@dataclass(frozen=True)
class TensorInfo:
    """What is said about one input or output.

    mean, std: a program computes (x - mean) / std before it sets an input; one number, or one per channel; None where nothing is said.
    labels: the names of the classes that the tensor's values, or its entries along the last axis, stand for.
    """

    name: str = ""
    description: str = ""
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    labels: tuple[str, ...] = ()


def record(table: str, **values: Any) -> Any:
    """A record of the metadata schema, with defaults for what is not named."""
    return tables.record_class(table)(**values)


def read(model: Model) -> Any | None:
    """The ModelMetadata record of a model, None where it has none. Raises FileError where it is damaged."""
    content = model.metadata.get(BUFFER)
    return None if content is None else Reader(memoryview(content)).root("ModelMetadata", IDENTIFIER)


def write(model: Model, metadata: Any) -> None:
    """Make `metadata`, a ModelMetadata record, what the model says about itself. The files that it names must be in `Model.files`."""
    missing = sorted({file.name for file in _records(metadata, "AssociatedFile")} - model.files.keys())
    if missing:
        raise TachyliteError(f"the metadata name the files {missing}, which Model.files lacks; add them")
    versions = {SINCE.get(feature, "1.0.0") for feature in _features(metadata)}
    metadata = replace(metadata, min_parser_version=max(versions, key=_order))
    model.metadata[BUFFER] = bytes(Writer().root(metadata, IDENTIFIER))


def inputs(model: Model) -> list[TensorInfo]:
    """What the metadata say about the inputs of the main graph, in order; empty where they say nothing."""
    return _tensors(model, "input_tensor_metadata")


def outputs(model: Model) -> list[TensorInfo]:
    """What the metadata say about the outputs of the main graph, in order; empty where they say nothing."""
    return _tensors(model, "output_tensor_metadata")


def describe(model: Model, name: str, inputs: list[TensorInfo], outputs: list[TensorInfo], description: str = "", **more: str) -> None:
    """Let the model say this about itself, and pack the labels with it. `more`: version, author, license."""
    for kind, infos, values in (("inputs", inputs, model.graph.inputs), ("outputs", outputs, model.graph.outputs)):
        if len(infos) != len(values):
            raise TachyliteError(f"{len(infos)} {kind} are described, the model has {len(values)}; describe each, in order")
    subgraph = record(
        "SubGraphMetadata",
        input_tensor_metadata=tuple(_tensor_record(model, info, f"input_{i}") for i, info in enumerate(inputs)),
        output_tensor_metadata=tuple(_tensor_record(model, info, f"output_{i}") for i, info in enumerate(outputs)),
    )
    write(model, record("ModelMetadata", name=name, description=description, subgraph_metadata=(subgraph,), **more))


def _tensors(model: Model, kind: str) -> list[TensorInfo]:
    metadata = read(model)
    if metadata is None or not metadata.subgraph_metadata:
        return []
    return [_info(model, tensor) for tensor in getattr(metadata.subgraph_metadata[0], kind)]


def _info(model: Model, tensor: Any) -> TensorInfo:
    normalization = next(_records(tensor, "NormalizationOptions"), None)
    mean, std = (normalization.mean, normalization.std) if normalization else (None, None)
    return TensorInfo(tensor.name, tensor.description, mean, std, _labels(model, tensor))


def _labels(model: Model, tensor: Any) -> tuple[str, ...]:
    """The lines of the first label file, which is the one for any locale."""
    names = [f.name for f in tensor.associated_files if f.type in ("TENSOR_AXIS_LABELS", "TENSOR_VALUE_LABELS")]
    return tuple(model.files[names[0]].decode("utf-8", "replace").splitlines()) if names and names[0] in model.files else ()


def _tensor_record(model: Model, info: TensorInfo, stem: str) -> Any:
    files: tuple[Any, ...] = ()
    if info.labels:
        name = f"{info.name or stem}_labels.txt"
        model.files[name] = "\n".join(info.labels).encode()
        files = (record("AssociatedFile", name=name, type="TENSOR_AXIS_LABELS"),)
    units: tuple[Any, ...] = ()
    if info.mean is not None and info.std is not None:
        units = (record("ProcessUnit", options=record("NormalizationOptions", mean=info.mean, std=info.std)),)
    return record("TensorMetadata", name=info.name, description=info.description, process_units=units, associated_files=files)


def _records(value: Any, table: str) -> Iterator[Any]:
    """Every record of a table within `value`."""
    if is_dataclass(value):
        if type(value).__name__ == table:
            yield value
        for field in fields(value):
            yield from _records(getattr(value, field.name), table)
    elif isinstance(value, tuple):
        for element in value:
            yield from _records(element, table)


def _features(value: Any) -> Iterator[str]:
    """The tables, fields and values of enums that `value` makes use of."""
    if isinstance(value, tuple):
        for element in value:
            yield from _features(element)
    elif is_dataclass(value):
        table = type(value).__name__
        yield table
        for field in tables.fields(table):
            member = getattr(value, field.name)
            if field.kind == "enum":
                yield f"{field.type}.{member}"
            elif field.kind in ("table", "union", "string") and member:
                yield f"{table}.{field.name}"
                yield from _features(member)


def _order(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
