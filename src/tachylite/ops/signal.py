"""Signals: RFFT2D, the parts of complex numbers, and the audio features AudioSpectrogram and Mfcc."""

from ctypes import c_int32
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tachylite.model.graph import Operator

from .arguments import SUFFIXES, check_dtype, custom_options, new_shape, settle, vector
from .copy import canvas, strided_copy
from .kernel import NoParams, Params, kernel
from .registry import OpDef, Spec, register

_GRAIN = 2**13
"""Numbers whose transformation is worth a thread's while."""


def _constant(low: Any, array: np.ndarray) -> int:
    return int(low.temporary(Spec(array.shape, array.dtype, array)))


def _waves(length: int) -> np.ndarray:
    """cos(2 pi k / length) and sin(2 pi k / length) for k < length / 2. float64 [2, length / 2]."""
    angles = 2 * np.pi / length * np.arange(length // 2)
    return np.stack([np.cos(angles), np.sin(angles)])


# RFFT2D


def infer_rfft2d(op: Operator, x: Spec, lengths: Spec) -> Spec | None:
    """[..., h, w] of float32 to complex64 [..., length 0, length 1 / 2 + 1]."""
    if x.rank < 2 or x.dtype != np.float32:
        raise op.error(f"the input is {x.dtype}{list(x.shape)}, it must be float32 of two or more dimensions; CAST or RESHAPE it")
    check_dtype(op, "the lengths", lengths, np.int32)
    sizes = vector(op, "the lengths", lengths, 2)
    if sizes is None:
        return None
    if any(n <= 0 or n & (n - 1) for n in sizes):
        raise op.error(f"the lengths are {sizes}, both must be powers of two; pad the input to the next ones")
    return Spec(new_shape(op, (*x.shape[:-2], sizes[0], sizes[1] // 2 + 1)), np.dtype(np.complex64))


def rfft2d(op: Operator, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Fourier transform of the last two axes, cut or padded with zeros to `lengths`; of the redundant half, the first column remains."""
    settle(infer_rfft2d, op, x, lengths)
    return np.fft.rfft2(x.astype(np.float64), tuple(int(n) for n in lengths)).astype(np.complex64)


class RfftParams(Params):
    """Height and width of an image, and the lengths of its columns' and rows' transforms."""

    _fields_ = tuple((name, c_int32) for name in ("height", "width", "column_length", "row_length"))


RFFT2D = kernel("rfft2d", RfftParams, "f32")


def lower_rfft2d(low: Any, op: Operator) -> None:
    """One call; a work item is one image."""
    *images, height, width = low.spec(op.inputs[0]).shape
    column, row = (int(n) for n in low.spec(op.inputs[1]).value)
    spectra = column * (row // 2 + 1)
    inputs = [low.value(op.inputs[0]), *(_constant(low, _waves(n)) for n in (column, row))]
    scratch = [low.scratch(8 * (4 * max(column, row) + 2 * spectra), per_worker=True)]
    params, grain = RfftParams(height, width, column, row), 1 + _GRAIN // (column * row)
    low.call(RFFT2D, "f32", op, params, work=prod(images), inputs=inputs, outputs=[low.define(op.outputs[0])], scratch=scratch, grain=grain)


register(OpDef("RFFT2D", options="Rfft2dOptions", infer=infer_rfft2d, reference=rfft2d, lower=lower_rfft2d))


# REAL, IMAG, COMPLEX_ABS


def infer_part(op: Operator, x: Spec) -> Spec:
    """Same shape; complex64 gives float32, complex128 float64."""
    if x.dtype.kind != "c":
        raise op.error(f"the input is {x.dtype}, it must be complex64 or complex128; CAST it")
    return Spec(x.shape, np.zeros(0, x.dtype).real.dtype)


def lower_part(low: Any, op: Operator) -> None:
    """A copy of every second number."""
    shape = low.spec(op.inputs[0]).shape
    parts = canvas((*shape, 2))[..., ("REAL", "IMAG").index(op.op)]
    strided_copy(low, op, low.value(op.inputs[0]), parts, low.define(op.outputs[0]), canvas(shape))


COMPLEX_ABS = kernel("complex_abs", NoParams, "c64")


def lower_complex_abs(low: Any, op: Operator) -> None:
    """One call; a work item is one number."""
    low.call(COMPLEX_ABS, SUFFIXES[low.spec(op.inputs[0]).dtype], op, work=low.size(op.outputs[0]), grain=_GRAIN)


for _name, _part, _lower in (("REAL", np.real, lower_part), ("IMAG", np.imag, lower_part), ("COMPLEX_ABS", np.abs, lower_complex_abs)):
    register(OpDef(_name, infer=infer_part, reference=lambda op, x, part=_part: np.array(part(x)), variants=("c64", "c128"), lower=_lower))


# AudioSpectrogram, Mfcc


def _spectrogram_options(op: Operator) -> tuple[int, int, bool]:
    window, stride, squared = custom_options(op, window_size=int, stride=int, magnitude_squared=bool)
    if window < 2 or stride < 1:
        raise op.error(f"window_size is {window} and stride {stride}; the first must be at least 2, the second at least 1")
    return window, stride, squared


def infer_audio_spectrogram(op: Operator, x: Spec) -> Spec:
    """float32 [samples, channels] to [channels, windows, frequencies]."""
    if x.rank != 2 or x.dtype != np.float32:
        raise op.error(f"the input is {x.dtype}{list(x.shape)}, it must be float32 [samples, channels]; CAST or RESHAPE it")
    window, stride, _ = _spectrogram_options(op)
    windows = max(0, 1 + (x.shape[0] - window) // stride)
    return Spec(new_shape(op, (x.shape[1], windows, _fft_length(window) // 2 + 1)), x.dtype)


def _fft_length(window: int) -> int:
    """The power of two that a window is padded to."""
    return 1 << (window - 1).bit_length()


def _hann(window: int) -> np.ndarray:
    """The weights of a periodic Hann window. float64 [window]."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)


def audio_spectrogram(op: Operator, x: np.ndarray) -> np.ndarray:
    """Magnitudes, or their squares, of the spectrum of each window under a periodic Hann window. x: float32 [samples, channels]."""
    window, stride, squared = _spectrogram_options(op)
    if len(x) < window:
        return np.zeros((x.shape[1], 0, _fft_length(window) // 2 + 1), np.float32)
    frames = sliding_window_view(x.T, window, axis=1)[:, ::stride]
    spectrum = np.fft.rfft(frames * _hann(window), _fft_length(window))
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return power if squared else np.sqrt(power)


class SpectrogramParams(Params):
    """Channels, windows of each, their size and distance, and the length of their transforms."""

    _fields_ = tuple((name, c_int32) for name in ("channels", "windows", "window", "stride", "length", "is_squared"))


SPECTROGRAM = kernel("spectrogram", SpectrogramParams, "f32")


def lower_audio_spectrogram(low: Any, op: Operator) -> None:
    """One call; a work item is one window of a channel."""
    window, stride, squared = _spectrogram_options(op)
    channels, windows, _ = low.spec(op.outputs[0]).shape
    length = _fft_length(window)
    inputs = [low.value(op.inputs[0]), _constant(low, _hann(window)), _constant(low, _waves(length))]
    params, outputs = SpectrogramParams(channels, windows, window, stride, length, squared), [low.define(op.outputs[0])]
    scratch, grain = [low.scratch(32 * length, per_worker=True)], 1 + _GRAIN // length
    low.call(SPECTROGRAM, "f32", op, params, work=channels * windows, inputs=inputs, outputs=outputs, scratch=scratch, grain=grain)


register(
    OpDef("AudioSpectrogram", infer=infer_audio_spectrogram, reference=audio_spectrogram, lower=lower_audio_spectrogram, is_custom=True)
)


def _mfcc_options(op: Operator) -> tuple[int, int, int, int]:
    names = ("upper_frequency_limit", "lower_frequency_limit", "filterbank_channel_count", "dct_coefficient_count")
    upper, lower, channels, coefficients = custom_options(op, **dict.fromkeys(names, int))
    if not 0 <= lower < upper:
        raise op.error(f"the frequency limits are {lower} and {upper}; they must not be negative, and the first below the second")
    if not 1 <= coefficients <= channels:
        raise op.error(
            f"there are {coefficients} coefficients of {channels} channels; there must be at least one and no more than channels"
        )
    return upper, lower, channels, coefficients


def infer_mfcc(op: Operator, spectrogram: Spec, rate: Spec) -> Spec:
    """float32 [channels, windows, frequencies] to [channels, windows, coefficients]."""
    if spectrogram.rank != 3 or spectrogram.dtype != np.float32 or spectrogram.shape[2] < 2:
        found = f"{spectrogram.dtype}{list(spectrogram.shape)}"
        raise op.error(f"the spectrogram is {found}, it must be float32 [channels, windows, 2 or more frequencies]")
    if prod(rate.shape) != 1 or rate.dtype != np.int32:
        raise op.error(f"the sample rate is {rate.dtype}{list(rate.shape)}, it must be one int32; CAST or RESHAPE it")
    return Spec(new_shape(op, (*spectrogram.shape[:2], _mfcc_options(op)[3])), spectrogram.dtype)


def mfcc(op: Operator, spectrogram: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Mel-frequency cepstral coefficients of squared magnitudes [channels, windows, frequencies]; rate: int32, samples per second."""
    filters, cosines = _mfcc_weights(op, spectrogram.shape[2], int(rate.item()))
    bands = np.log(np.maximum(np.sqrt(spectrogram.astype(np.float64)) @ filters, 1e-12))
    return (bands @ cosines).astype(np.float32)


def _mfcc_weights(op: Operator, bins: int, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """From frequencies to bands, and from their logarithms to coefficients: float64 [bins, channels] and [channels, coefficients]."""
    upper, lower, channels, coefficients = _mfcc_options(op)
    spacing = 0.5 * rate / (bins - 1)
    if spacing <= 0 or upper / spacing >= bins:
        raise op.error(f"a sample rate of {rate} with {bins} frequencies does not reach the upper limit of {upper} Hz; lower it")
    angles = np.outer(np.pi / channels * (np.arange(channels) + 0.5), np.arange(coefficients))
    return mel_filters(bins, spacing, lower, upper, channels), np.sqrt(2 / channels) * np.cos(angles)


def _mel(frequency: Any) -> Any:
    return 1127.0 * np.log1p(frequency / 700.0)


def mel_filters(bins: int, spacing: float, lower: float, upper: float, channels: int) -> np.ndarray:
    """float64 [bins, channels]: triangles, equally wide on the mel scale, each of which falls where the next one rises.

    Bins at multiples of `spacing` Hz. Those below the lower limit, that of 0 Hz, and those above the upper limit count nowhere.
    """
    edges = np.linspace(_mel(lower), _mel(upper), channels + 2)
    mel = _mel(np.arange(bins) * spacing)[:, None]
    rising = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    first, last = int(1.5 + lower / spacing), int(upper / spacing)
    inside = (np.arange(bins) >= first) & (np.arange(bins) <= last)
    return np.maximum(np.minimum(rising, falling), 0) * inside[:, None]


class MfccParams(Params):
    """Frequencies of a spectrum, the bands that they are gathered in, and coefficients."""

    _fields_ = tuple((name, c_int32) for name in ("frequencies", "bands", "coefficients"))


MFCC = kernel("mfcc", MfccParams, "f32")


def lower_mfcc(low: Any, op: Operator) -> None:
    """One call, where the sample rate is certain; a work item is one spectrum."""
    (channels, windows, frequencies), rate = low.spec(op.inputs[0]).shape, low.spec(op.inputs[1]).value
    if rate is None:
        low.host(op)
        return
    filters, cosines = _mfcc_weights(op, frequencies, int(rate.item()))
    bands, coefficients = cosines.shape
    # Each band is a triangle, the first to the last frequency that counts in it.
    used = [np.flatnonzero(column) for column in filters.T]
    limits = np.array([(u[0], u[-1] + 1) if u.size else (0, 0) for u in used], np.int32)
    inputs = [low.value(op.inputs[0]), *(_constant(low, np.ascontiguousarray(a)) for a in (filters.T, limits, cosines))]
    params, outputs = MfccParams(frequencies, bands, coefficients), [low.define(op.outputs[0])]
    scratch, grain = [low.scratch(8 * (frequencies + coefficients), per_worker=True)], 1 + _GRAIN // frequencies
    low.call(MFCC, "f32", op, params, work=channels * windows, inputs=inputs, outputs=outputs, scratch=scratch, grain=grain)


register(OpDef("Mfcc", infer=infer_mfcc, reference=mfcc, lower=lower_mfcc, is_custom=True))
