import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachylite.data import audio
from tachylite.model import metadata
from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.graph import Graph, Model

WAVE = np.array([[0.0, 0.5], [-1.0, -0.5], [0.25, -0.25], [0.75, 0.25]])


def pcm(path, values, width, rate=8000):
    """values: [samples, channels] of integers."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(values.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(b"".join(int(v).to_bytes(width, "little", signed=width > 1) for v in values.ravel()))
    return path


def riff(*chunks):
    body = b"".join(struct.pack("<4sI", kind, len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return struct.pack("<4sI4s", b"RIFF", len(body) + 4, b"WAVE") + body


def fmt(coding, channels, rate, bits, extension=b""):
    return struct.pack("<HHIIHH", coding, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits) + extension


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_pcm_of_every_width(tmp_path, width):
    full = 2 ** (8 * width - 1)
    sound = audio.read(pcm(tmp_path / "a.wav", WAVE * full + (128 if width == 1 else 0), width))
    assert sound.rate == 8000
    assert sound.samples.dtype == np.float32
    np.testing.assert_array_equal(sound.samples, WAVE.mean(axis=1).astype(np.float32))


@pytest.mark.parametrize(("dtype", "bits"), [("<f4", 32), ("<f8", 64)])
def test_floating_point(dtype, bits):
    content = riff((b"fmt ", fmt(3, 2, 44100, bits)), (b"LIST", b"odd"), (b"data", WAVE.astype(dtype).tobytes()))
    np.testing.assert_allclose(audio.decode(content).samples, WAVE.mean(axis=1), rtol=1e-6)


def test_extensible_format_and_unknown_length():
    extension = struct.pack("<HHIH14s", 22, 16, 0, 1, b"")
    content = riff((b"fmt ", fmt(0xFFFE, 1, 16000, 16, extension)), (b"data", np.array([0, 16384], "<i2").tobytes()))
    np.testing.assert_array_equal(audio.decode(content).samples, [0, 0.5])
    endless = content[:-8] + struct.pack("<I", 0xFFFFFFFF) + content[-4:]
    np.testing.assert_array_equal(audio.decode(endless).samples, [0, 0.5])


def test_an_incomplete_last_frame_is_left_out():
    content = riff((b"fmt ", fmt(1, 2, 8000, 16)), (b"data", np.array([8192, 8192, 1], "<i2").tobytes()))
    np.testing.assert_array_equal(audio.decode(content).samples, [0.25])


def test_what_is_no_wav(tmp_path):
    whole = pcm(tmp_path / "whole.wav", WAVE * 100, 2).read_bytes()
    broken = {
        "is no WAV file; convert": b"ID3" + bytes(40),
        "is truncated: its part b'data' has 16 bytes, 11 are there": whole[:-5],
        "has no samples, it is truncated": whole[:36],
        "has no format, it is truncated": whole[:12],
        "has a format of 4 bytes": riff((b"fmt ", b"abcd"), (b"data", b"")),
        "coding 2, 4 bits": riff((b"fmt ", fmt(2, 1, 8000, 4)), (b"data", b"")),
        "0 channels": riff((b"fmt ", fmt(1, 0, 8000, 16)), (b"data", b"")),
    }
    for message, content in broken.items():
        (tmp_path / "broken.wav").write_bytes(content)
        with pytest.raises(FileError, match=message):
            audio.read(tmp_path / "broken.wav")


@given(st.binary(max_size=80))
def test_no_bytes_crash_the_reader(tail):
    try:
        sound = audio.decode(b"RIFF\0\0\0\0WAVE" + tail)
    except FileError:
        return
    assert sound.samples.dtype == np.float32


def test_resampling():
    time = np.arange(800) / 8000
    sound = audio.Sound(np.sin(2 * np.pi * 50 * time).astype(np.float32), 8000)
    assert sound.at(8000) is sound
    for rate in (4000, 16000, 22050):
        other = sound.at(rate)
        assert len(other.samples) == round(800 * rate / 8000)
        inside = slice(0, -rate // 2000)
        np.testing.assert_allclose(other.samples[inside], np.sin(2 * np.pi * 50 * np.arange(len(other.samples)) / rate)[inside], atol=1e-3)
    with pytest.raises(TachyliteError, match="it must be positive"):
        sound.at(0)


def test_rate_of_a_model():
    model = Model([Graph()])
    assert audio.rate_of(model) is None
    sound = metadata.record("Content", content_properties=metadata.record("AudioProperties", sample_rate=16000, channels=1))
    tensors = (metadata.record("TensorMetadata", name="sound", content=sound), metadata.record("TensorMetadata", name="other"))
    graph = metadata.record("SubGraphMetadata", input_tensor_metadata=tensors)
    metadata.write(model, metadata.record("ModelMetadata", name="listener", subgraph_metadata=(graph,)))
    assert [audio.rate_of(model, i) for i in range(3)] == [16000, None, None]
