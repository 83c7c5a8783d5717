"""Whatever bytes come, reading ends soon, in a model or in an error of our own; and a model that was read can be written."""

import contextlib
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tachylite import TachyliteError
from tachylite.model import codec, metadata
from tachylite.model.graph import Model
from tests.model.models import convolution
from tests.model.test_faults import blockwise, loop, sparse, strings

relaxed = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def described() -> Model:
    model = convolution()
    image, scores = metadata.TensorInfo("image", mean=(1.0,), std=(2.0,)), metadata.TensorInfo("scores", labels=("a", "b"))
    metadata.describe(model, "a model", [image], [scores])
    return model


MODELS = [convolution(), convolution(np.int8), loop(), sparse(), blockwise(), strings(b"ab", b""), described()]
SEEDS = [model.to_bytes() for model in MODELS]


def survive(content: bytes) -> None:
    """Read and write again; raises what is not an error of our own."""
    start = time.process_time()
    with contextlib.suppress(TachyliteError):
        model = codec.read(content)
        assert codec.read(codec.write(model, lambda op: op.version)) == model
        with contextlib.suppress(TachyliteError):
            metadata.read(model)
        for tensor in model.graph.tensors:
            tensor.dense()
    assert time.process_time() - start < 2


@given(st.sampled_from(SEEDS), st.data())
@relaxed
def test_changed_bytes(seed, data):
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    survive(bytes(content))


@given(st.sampled_from(SEEDS), st.data())
@relaxed
def test_changed_words(seed, data):
    """Offsets, counts and sizes are words: small, negative and huge ones are what could lead astray."""
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 3))):
        at = 4 * data.draw(st.integers(0, len(content) // 4 - 1))
        word = data.draw(st.integers(0, 64) | st.integers(0, 2**32 - 1) | st.sampled_from([2**31 - 1, 2**31, 2**32 - 1, len(seed)]))
        content[at : at + 4] = word.to_bytes(4, "little")
    survive(bytes(content))


@given(st.sampled_from(SEEDS), st.sampled_from(SEEDS), st.data())
@relaxed
def test_spliced_files(seed, other, data):
    cut, width = data.draw(st.integers(0, len(seed))), data.draw(st.integers(0, 64))
    survive(seed[:cut] + other[cut : cut + width] + seed[cut + width :])


@given(st.binary(max_size=200))
@relaxed
def test_noise(noise):
    survive(b"\x10\0\0\0TFL3" + noise)


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_every_bit(seed):
    """Each bit of the first of every eight bytes, in turn."""
    content = bytearray(SEEDS[seed])
    for at in range(seed, len(content), 8):
        for bit in range(8):
            content[at] ^= 1 << bit
            survive(bytes(content))
            content[at] ^= 1 << bit
