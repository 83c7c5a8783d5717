"""Cases of the signal family."""

from collections.abc import Iterator

import numpy as np

from tachylite.model import flexbuffer

from ..harness import Case, case, constant, out

rng = np.random.default_rng(6)


def cases() -> Iterator[Case]:
    x = rng.normal(size=(2, 5, 8)).astype(np.float32)
    for height, width in ((4, 8), (8, 4), (8, 16), (1, 8), (1, 2), (64, 512)):
        lengths = constant(np.array([height, width], np.int32))
        yield case(f"{height}x{width}", "RFFT2D", x, lengths, atol=1e-5)
    # LiteRT takes a row of one number for two.
    spectrum = np.fft.rfft2(x.astype(np.float64), (2, 1)).astype(np.complex64)
    yield case("2x1", "RFFT2D", x, constant(np.array([2, 1], np.int32)), expected=[spectrum])
    lengths = np.array([4, 8], np.int32)
    yield case("run-time-lengths", "RFFT2D", x, lengths, out=out(np.complex64, shape=(2, 4, 5)), atol=1e-5)
    for dtype in (np.complex64, np.complex128):
        z = (rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4))).astype(dtype)
        for name in ("REAL", "IMAG", "COMPLEX_ABS"):
            yield case(np.dtype(dtype).name, name, z)
    for squared in (False, True):
        options = flexbuffer.write({"window_size": 20, "stride": 7, "magnitude_squared": squared})
        sound = rng.normal(size=(100, 2)).astype(np.float32)
        name = "squared" if squared else "magnitude"
        yield case(name, "AudioSpectrogram", sound, custom_options=options, out=out(np.float32, shape=(2, 12, 17)), atol=1e-5)
    limits = {"upper_frequency_limit": 4000, "lower_frequency_limit": 20, "filterbank_channel_count": 12, "dct_coefficient_count": 5}
    spectrum, rate = rng.random((2, 3, 65)).astype(np.float32), np.array([16000], np.int32)
    for name, given in (("f32", constant(rate)), ("run-time-rate", rate)):
        y = out(np.float32, shape=(2, 3, 5))
        yield case(name, "Mfcc", spectrum, given, custom_options=flexbuffer.write(limits), out=y, atol=1e-4)
