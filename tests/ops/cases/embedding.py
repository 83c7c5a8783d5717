"""Cases of the embedding family."""

from collections.abc import Iterator

import numpy as np

from tachylite.model.dtypes import INT2, INT4

from ..harness import Case, case, constant, out

rng = np.random.default_rng(4)


def cases() -> Iterator[Case]:
    yield from embedding_lookup()
    yield from embedding_lookup_sparse()
    yield from hashtable_lookup()
    yield from lsh_projection()


def embedding_lookup() -> Iterator[Case]:
    ids, table = np.array([3, 0, 3], np.int32), rng.normal(size=(4, 2, 4)).astype(np.float32)
    yield case("f32", "EMBEDDING_LOOKUP", ids, constant(table))
    yield case("i32", "EMBEDDING_LOOKUP", ids, table.astype(np.int32))
    for dtype, limit in ((np.int8, 128), (np.uint8, 256), (INT4, 8), (INT2, 2)):
        rows = rng.integers(0 if dtype == np.uint8 else -limit, limit, (4, 8)).astype(dtype)
        for scale in (0.1, (0.1, 0.2, 0.3, 0.4)):
            name = f"{np.dtype(dtype).name}{'-per-row' if scale != 0.1 else ''}"
            yield case(name, "EMBEDDING_LOOKUP", ids, constant(rows, scale, dtype=dtype), out=out(np.float32, shape=(3, 8)))


def embedding_lookup_sparse() -> Iterator[Case]:
    ids, weights = np.array([1, 3, 0], np.int32), np.array([2, 0.5, 1], np.float32)
    positions, shape = np.array([[0, 0, 0], [0, 0, 1], [1, 2, 0]], np.int32), np.array([2, 3, 2], np.int32)
    table = rng.normal(size=(4, 3)).astype(np.float32)
    for combiner in ("SUM", "MEAN", "SQRTN"):
        y = out(np.float32, shape=(2, 3, 3))
        yield case(combiner.lower(), "EMBEDDING_LOOKUP_SPARSE", ids, positions, shape, weights, table, combiner=combiner, out=y)


def hashtable_lookup() -> Iterator[Case]:
    lookups, keys = np.array([-5, 7, 0, 8, 90], np.int32), np.array([-5, 0, 8], np.int32)
    yield case("f32", "HASHTABLE_LOOKUP", lookups, keys, rng.normal(size=(3, 2)).astype(np.float32))
    yield case("str", "HASHTABLE_LOOKUP", lookups, keys, np.array([b"a", b"", b"long"], object))


def lsh_projection() -> Iterator[Case]:
    # The hash takes other ways for keys of up to 16, 32 and 64 bytes and for longer ones; four bytes are the seed's.
    seeds, weights = rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=5).astype(np.float32)
    for width in (1, 4, 5, 12, 13, 28, 29, 60, 61, 124, 125, 200):
        x = rng.integers(0, 256, (5, width)).astype(np.uint8)
        yield case(f"dense-{width}", "LSH_PROJECTION", seeds, x, weights, type="DENSE")
    yield case("sparse", "LSH_PROJECTION", seeds, rng.integers(-9, 9, (5, 3)).astype(np.int32), type="SPARSE")
