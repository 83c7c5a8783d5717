"""Signals: RFFT2D, the parts of complex numbers, and the audio features AudioSpectrogram and Mfcc."""

from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tachylite.model.graph import Operator

from .arguments import check_dtype, custom_options, new_shape, settle, vector
from .registry import OpDef, Spec, register

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


register(OpDef("RFFT2D", options="Rfft2dOptions", infer=infer_rfft2d, reference=rfft2d))


# REAL, IMAG, COMPLEX_ABS


def infer_part(op: Operator, x: Spec) -> Spec:
    """Same shape; complex64 gives float32, complex128 float64."""
    if x.dtype.kind != "c":
        raise op.error(f"the input is {x.dtype}, it must be complex64 or complex128; CAST it")
    return Spec(x.shape, np.zeros(0, x.dtype).real.dtype)


for _name, _part in (("REAL", np.real), ("IMAG", np.imag), ("COMPLEX_ABS", np.abs)):
    register(OpDef(_name, infer=infer_part, reference=lambda op, x, part=_part: np.array(part(x)), variants=("c64", "c128")))


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


def audio_spectrogram(op: Operator, x: np.ndarray) -> np.ndarray:
    """Magnitudes, or their squares, of the spectrum of each window under a periodic Hann window. x: float32 [samples, channels]."""
    window, stride, squared = _spectrogram_options(op)
    if len(x) < window:
        return np.zeros((x.shape[1], 0, _fft_length(window) // 2 + 1), np.float32)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    frames = sliding_window_view(x.T, window, axis=1)[:, ::stride]
    spectrum = np.fft.rfft(frames * hann, _fft_length(window))
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return power if squared else np.sqrt(power)


register(OpDef("AudioSpectrogram", infer=infer_audio_spectrogram, reference=audio_spectrogram, is_custom=True))


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
    upper, lower, channels, coefficients = _mfcc_options(op)
    bins = spectrogram.shape[2]
    spacing = 0.5 * int(rate.item()) / (bins - 1)
    if spacing <= 0 or upper / spacing >= bins:
        raise op.error(f"a sample rate of {rate.item()} with {bins} frequencies does not reach the upper limit of {upper} Hz; lower it")
    filters = mel_filters(bins, spacing, lower, upper, channels)
    bands = np.log(np.maximum(np.sqrt(spectrogram.astype(np.float64)) @ filters, 1e-12))
    angles = np.outer(np.arange(coefficients), np.pi / channels * (np.arange(channels) + 0.5))
    return (bands @ (np.sqrt(2 / channels) * np.cos(angles)).T).astype(np.float32)


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


register(OpDef("Mfcc", infer=infer_mfcc, reference=mfcc, is_custom=True))
