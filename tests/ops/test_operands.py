"""What arithmetic, products, normalizations, lookups and signals refuse, and that the message says so."""

from collections.abc import Callable

import numpy as np
import pytest

from tachylite.model import flexbuffer
from tachylite.model.errors import OpError

from .harness import Case, Operand, answers, case, constant, out, quantized

X, W, B = np.zeros((2, 6), np.float32), constant(np.zeros((3, 6), np.float32)), constant(np.zeros(3, np.float32))
Q, QW = quantized(X, 0.1), constant(np.zeros((3, 6)), 0.1, dtype=np.int8)
Q15 = quantized(X, 2.0**-15, dtype=np.int16)
TABLE, IDS = np.zeros((4, 2), np.float32), np.array([0, 4], np.int32)
Y8 = out(np.int8, 0.1)


def fully_connected(*operands: object, **options: object) -> Case:
    return case("", "FULLY_CONNECTED", *operands, **options)


def batch_matmul(*operands: object, **options: object) -> Case:
    return case("", "BATCH_MATMUL", *operands, **options)


def sparse(ids: int, shape: tuple[int, ...], **options: object) -> Case:
    arrays = np.zeros(ids, np.int32), np.zeros((3, 2), np.int32), np.array(shape, np.int32), np.zeros(3, np.float32), TABLE
    return case("", "EMBEDDING_LOOKUP_SPARSE", *arrays, out=out(np.float32), **options)


def audio(op: str, *operands: object, **values: object) -> Case:
    return case("", op, *operands, custom_options=flexbuffer.write(values), out=out(np.float32))


AT_BUILD: list[tuple[str, Callable[[], Case]]] = [
    ("outputs and inputs", lambda: fully_connected(X, B)),
    ("the weights take rows of 6", lambda: fully_connected(X[:, :5], W)),
    ("the weights take rows of 6", lambda: fully_connected(X.reshape(3, 4), W, keep_num_dims=True)),
    ("one element for each", lambda: fully_connected(X, W, constant(np.zeros(2, np.float32)))),
    ("multiplies no float32 with int16", lambda: fully_connected(X, constant(np.zeros((3, 6)), 1.0, dtype=np.int16))),
    ("the bias is float32", lambda: fully_connected(Q, QW, B, out=Y8)),
    ("has no scale", lambda: fully_connected(X.astype(np.int8), QW, out=Y8)),
    ("has scale 0.0, it must be a positive", lambda: fully_connected(Q, constant(QW.value, 0.0), out=Y8)),
    ("has scale nan", lambda: fully_connected(Operand(Q.value, quantized(X, np.nan).quantization), QW, out=Y8)),
    ("2 scales along axis 0; it needs one", lambda: fully_connected(Q, constant(QW.value, [0.1, 0.2]), out=Y8)),
    ("must divide by 4 and 16", lambda: shuffled()),
    ("both need two dimensions", lambda: batch_matmul(X, X[0])),
    ("6 meets 2", lambda: batch_matmul(X, X)),
    ("multiplies no float32 with uint8", lambda: batch_matmul(X, quantized(X.T, 0.1, dtype=np.uint8))),
    ("do not broadcast", lambda: batch_matmul(np.zeros((2, 6, 6), np.float32), np.zeros((3, 6, 6), np.float32))),
    ("all must be 0", lambda: batch_matmul(quantized(X, 1, 3, dtype=np.int16), quantized(X.T, 1, dtype=np.int16), out=out(np.int16, 1))),
    ("2 scales; it needs one in all", lambda: batch_matmul(X, constant(QW.value.T, [0.1, 0.2]))),
    ("the input is a scalar", lambda: case("", "SOFTMAX", np.float32(1))),
    ("takes float32", lambda: case("", "SOFTMAX", IDS)),
    ("it must have 0.00390625 and -128", lambda: case("", "SOFTMAX", Q, beta=1.0, out=out(np.int8, 1 / 256))),
    ("it must have 0.0625 and 127", lambda: case("", "LOG_SOFTMAX", Q, out=out(np.int8, 1 / 256, 127))),
    ("fused activation RELU", lambda: case("", "L2_NORMALIZATION", X, fused_activation_function="RELU")),
    ("four dimensions", lambda: case("", "LOCAL_RESPONSE_NORMALIZATION", X)),
    ("radius is -1", lambda: case("", "LOCAL_RESPONSE_NORMALIZATION", np.zeros((1, 1, 1, 2), np.float32), radius=-1)),
    ("must be int32 of rank 1", lambda: case("", "EMBEDDING_LOOKUP", X, TABLE)),
    ("zero point is 3", lambda: case("", "EMBEDDING_LOOKUP", IDS, constant(QW.value, 0.1, 3), out=out(np.float32))),
    ("2 ids, 3 positions and 3 weights", lambda: sparse(2, (1, 1))),
    ("there must be as many", lambda: sparse(3, (1, 1, 1))),
    ("the table is empty", lambda: case("", "HASHTABLE_LOOKUP", IDS, IDS[:0], TABLE[:0])),
    ("one row of values", lambda: case("", "HASHTABLE_LOOKUP", IDS, IDS, TABLE)),
    ("32 at most", lambda: case("", "LSH_PROJECTION", np.zeros((1, 33), np.float32), X, type="DENSE")),
    ("it must be SPARSE or DENSE", lambda: case("", "LSH_PROJECTION", TABLE, X)),
    ("activation is SIGN_BIT, for float32 it must be one of NONE", lambda: fully_connected(X, W, fused_activation_function="SIGN_BIT")),
    ("activation is TANH, for int8", lambda: fully_connected(Q, QW, out=Y8, fused_activation_function="TANH")),
    ("activation is SIGN_BIT", lambda: case("", "ADD", X, X, fused_activation_function="SIGN_BIT")),
    ("activation is TANH, for int32", lambda: case("", "SUB", IDS, IDS, fused_activation_function="TANH")),
    ("in one shape only", lambda: case("", "MUL", Q15, quantized(X[0], 2.0**-15, dtype=np.int16), out=out(np.int8, 2.0**-7))),
    ("as 2\\*\\*-30 to 2\\*\\*-7", lambda: case("", "MUL", Q15, Q15, out=out(np.int8, 2.0**-6))),
    ("powers of two", lambda: case("", "RFFT2D", X, constant(np.array([4, 6], np.int32)))),
    ("it must be complex64", lambda: case("", "REAL", X)),
    ("it must be one string", lambda: case("", "SKIP_GRAM", X, ngram_size=1)),
    ("window_size is 1", lambda: audio("AudioSpectrogram", X, window_size=1, stride=1)),
    ("window_size is 8 and stride 0", lambda: audio("AudioSpectrogram", X, window_size=8)),
    ("must be a FlexBuffer map", lambda: audio("AudioSpectrogram", X, window_size="wide")),
    ("must be a FlexBuffer map", lambda: case("", "AudioSpectrogram", X, custom_options=b"\1\2")),
    ("frequency limits are 9 and 3", lambda: audio("Mfcc", X[None], IDS[:1], upper_frequency_limit=3, lower_frequency_limit=9)),
]


def shuffled() -> Case:
    x, kernel = quantized(X, 0.1, 128, dtype=np.uint8), constant(np.zeros((3, 6)), 0.1, 128, dtype=np.uint8)
    return fully_connected(x, kernel, out=out(np.int16, 0.1), weights_format="SHUFFLED4x16INT8")


@pytest.mark.parametrize(("message", "build"), AT_BUILD)
def test_refused_before_the_run(message: str, build: Callable[[], Case]) -> None:
    with pytest.raises(OpError, match=message):
        build()


LIMITS = {"upper_frequency_limit": 4000, "filterbank_channel_count": 4, "dct_coefficient_count": 2}
IN_THE_RUN: list[tuple[str, Callable[[], Case]]] = [
    ("index 4 at", lambda: case("", "EMBEDDING_LOOKUP", IDS, TABLE)),
    ("no dimension may be negative", lambda: sparse(3, (-1, 1))),
    ("is out of range; it must lie in", lambda: sparse(3, (0, 1))),
    ("index 4 at", lambda: case("", "GATHER", TABLE, IDS)),
    ("index 4 at", lambda: case("", "GATHER_ND", TABLE, IDS[:, None])),
    ("index 4 at", lambda: case("", "SCATTER_ND", IDS[:, None], IDS, constant([4], dtype=np.int32))),
    ("a length is 4", lambda: case("", "REVERSE_SEQUENCE", np.zeros((len(IDS), 3), np.float32), IDS, seq_dim=1)),
    ("powers of two", lambda: case("", "RFFT2D", X, np.array([0, 4], np.int32), out=out(np.complex64))),
    ("does not reach the upper limit of 4000", lambda: audio("Mfcc", X[None], np.array([5000], np.int32), **LIMITS)),
]


@pytest.mark.parametrize(("message", "build"), IN_THE_RUN)
def test_refused_in_the_run(message: str, build: Callable[[], Case]) -> None:
    refused = build()
    with pytest.raises(OpError, match=message):
        answers(refused.graph, *refused.inputs)
