"""What a model says about itself, and the files that are packed with it."""

import io
import zipfile

import numpy as np
import pytest

from tachylite import TachyliteError
from tachylite.model import codec, metadata
from tachylite.model.errors import FileError
from tachylite.model.metadata import TensorInfo, record
from tests.model.models import convolution

IMAGE = TensorInfo("image", "what the camera saw", mean=(127.5,), std=(128.0,))
SCORES = TensorInfo("scores", labels=("cat", "dog", "Schrödinger's cat", "none"))

CUSTOM = record("CustomMetadata", name="mine", data=np.arange(3, dtype=np.uint8))


def described():
    model = convolution()
    metadata.describe(model, "pets", [IMAGE], [SCORES], "tells pets apart", author="me", license="Apache-2.0", version="v1")
    return model


def full():
    """A record that uses every table and kind of field."""
    labels = record("AssociatedFile", name="labels.txt", description="d", type="TENSOR_VALUE_LABELS", locale="de", version="2")
    vocabulary = record("AssociatedFile", name="vocabulary.txt", type="VOCABULARY")
    contents = [
        record("FeatureProperties"),
        record("ImageProperties", color_space="RGB", default_size=record("ImageSize", width=3, height=2**32 - 1)),
        record("BoundingBoxProperties", index=(1, 0, 3, 2), type="CENTER", coordinate_type="PIXEL"),
        record("AudioProperties", sample_rate=16000, channels=1),
    ]
    units = [
        record("NormalizationOptions", mean=(0.5, 1.5), std=(2.0, 4.0)),
        record("ScoreCalibrationOptions", score_transformation="LOG", default_score=0.25),
        record("ScoreThresholdingOptions", global_score_threshold=0.5),
        record("BertTokenizerOptions", vocab_file=(vocabulary,)),
        record("SentencePieceTokenizerOptions", sentencePiece_model=(vocabulary,), vocab_file=()),
        record("RegexTokenizerOptions", delim_regex_pattern=r"\W+", vocab_file=(vocabulary,)),
    ]
    tensors = tuple(
        record(
            "TensorMetadata",
            name=f"t{i}",
            dimension_names=("batch", "x"),
            content=record("Content", content_properties=content, range=record("ValueRange", min=-1, max=2)),
            stats=record("Stats", max=(1.0,), min=(-1.0,)),
            associated_files=(labels,),
        )
        for i, content in enumerate(contents)
    )
    subgraph = record(
        "SubGraphMetadata",
        name="main",
        input_tensor_metadata=tensors,
        output_tensor_metadata=tensors[:1],
        input_process_units=tuple(record("ProcessUnit", options=unit) for unit in units),
        output_tensor_groups=(record("TensorGroup", name="g", tensor_names=("t0", "t1")),),
    )
    return record("ModelMetadata", name="all", subgraph_metadata=(subgraph,), license="none", associated_files=(vocabulary,))


def test_a_description_survives_the_file():
    model = codec.read(described().to_bytes())
    assert metadata.inputs(model) == [IMAGE]
    assert metadata.outputs(model) == [SCORES]
    read = metadata.read(model)
    assert (read.name, read.description, read.author, read.license, read.version) == ("pets", "tells pets apart", "me", "Apache-2.0", "v1")


def test_a_model_may_say_nothing():
    assert metadata.read(convolution()) is None
    assert metadata.inputs(convolution()) == []


def test_every_table_survives():
    model = convolution()
    model.files = {"labels.txt": b"a", "vocabulary.txt": b"b"}
    metadata.write(model, full())
    read = metadata.read(codec.read(model.to_bytes()))
    assert read.subgraph_metadata == full().subgraph_metadata
    assert read.min_parser_version == "1.4.1"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        (record("ModelMetadata", name="VOCABULARY"), "1.0.0"),
        (record("ModelMetadata", associated_files=(record("AssociatedFile", name="f", type="VOCABULARY"),)), "1.0.1"),
        (record("ModelMetadata", associated_files=(record("AssociatedFile", name="f", type="SCANN_INDEX_FILE"),)), "1.4.0"),
        (record("ModelMetadata", subgraph_metadata=(record("SubGraphMetadata", input_process_units=(record("ProcessUnit"),)),)), "1.1.0"),
        (record("ModelMetadata", subgraph_metadata=(record("SubGraphMetadata", custom_metadata=(CUSTOM,)),)), "1.5.0"),
    ],
)
def test_readers_are_told_which_version_they_need(said, version):
    model = convolution()
    model.files = {"f": b""}
    metadata.write(model, said)
    assert metadata.read(model).min_parser_version == version


def test_a_file_that_is_missing():
    with pytest.raises(TachyliteError, match=r"\['labels.txt', 'vocabulary.txt'\]"):
        metadata.write(convolution(), full())


def test_each_tensor_is_described():
    with pytest.raises(TachyliteError, match="2 inputs are described, the model has 1"):
        metadata.describe(convolution(), "pets", [IMAGE, IMAGE], [SCORES])


def test_damaged_metadata():
    model = described()
    model.metadata[metadata.BUFFER] = model.metadata[metadata.BUFFER][:40]
    with pytest.raises(FileError):
        metadata.read(codec.read(model.to_bytes()))


def test_any_program_can_unpack_the_files():
    content = described().to_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        [entry] = archive.infolist()
        # Readers that map the file find the labels where the directory says, from the beginning of the file.
        assert content[entry.header_offset :].startswith(b"PK\x03\x04")
        assert entry.compress_type == zipfile.ZIP_STORED
        assert archive.read("scores_labels.txt") == "\n".join(SCORES.labels).encode()


def test_files_packed_by_others_survive():
    stream = io.BytesIO(convolution().to_bytes())
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", "a\nb\n" * 100)
        archive.writestr("more/notes.txt", "")
    model = codec.read(stream.getvalue())
    assert model.files == {"labels.txt": b"a\nb\n" * 100, "more/notes.txt": b""}
    assert codec.read(model.to_bytes()) == model


def test_an_archive_whose_offsets_count_from_itself():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("labels.txt", "a")
    assert codec.read(convolution().to_bytes() + packed.getvalue()).files == {"labels.txt": b"a"}


def test_a_signature_in_the_data_is_no_archive():
    model = convolution()
    model.metadata["note"] = b"PK\x05\x06" + bytes(30)
    assert codec.read(model.to_bytes()).files == {}


def test_a_damaged_archive():
    content = described().to_bytes()
    at = content.index(b"Schr")
    with pytest.raises(FileError, match="cannot be unpacked"):
        codec.read(content[:at] + b"?" + content[at + 1 :])


def test_an_archive_that_would_fill_the_memory():
    stream = io.BytesIO(convolution().to_bytes())
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", "a")
    content = bytearray(stream.getvalue())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (2**31).to_bytes(4, "little")
    with pytest.raises(FileError, match="far larger than the archive"):
        codec.read(bytes(content))
