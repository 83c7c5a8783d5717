"""Strings: SKIP_GRAM."""

import re
from collections.abc import Iterator

import numpy as np

from tachylite.model.dtypes import STRING
from tachylite.model.graph import Operator

from .registry import OpDef, Spec, register


def infer_skip_gram(op: Operator, text: Spec) -> Spec | None:
    """As many strings as the text has n-grams."""
    if text.dtype != STRING or text.shape not in ((), (1,)):
        raise op.error(f"the input is {text.dtype}{list(text.shape)}, it must be one string")
    if op.options.ngram_size < 1 or op.options.max_skip_size < 0:
        found = f"ngram_size is {op.options.ngram_size} and max_skip_size {op.options.max_skip_size}"
        raise op.error(f"{found}; the first must be at least 1, the second at least 0")
    return None if text.value is None else Spec(skip_gram(op, text.value).shape, STRING)


def skip_gram(op: Operator, text: np.ndarray) -> np.ndarray:
    """The n-grams of a text's words, with up to `max_skip_size` words left out between two. text: string [1]; result: string [grams]."""
    words, options = _words(text.item()), op.options
    grams = _positions(len(words), options.ngram_size, options.max_skip_size) if len(words) >= options.ngram_size else ()
    joined = [b" ".join(words[i] for i in gram) for gram in grams if options.include_all_ngrams or len(gram) == options.ngram_size]
    result = np.empty(len(joined), STRING)
    result[:] = joined
    return result


def _words(text: bytes) -> list[bytes]:
    """The pieces between white space characters, without the empty ones.

    Two habits of the kernel: white space in first place does not separate, and a piece that begins with it is dropped if another follows.
    """
    *pieces, last = re.split(rb"(?s)(?<=.)\s", text)
    return [p for p in pieces if p and not p[:1].isspace()] + ([last] if last else [])


def _positions(words: int, size: int, skip: int) -> Iterator[list[int]]:
    """Ascending word numbers of every gram of up to `size` words, longer grams before their beginnings."""
    gram = [0]
    candidate = 1  # The word that may follow the gram.
    while gram:
        if len(gram) < size and candidate < words and candidate - gram[-1] <= skip + 1:
            gram.append(candidate)
            candidate += 1
            continue
        yield gram
        candidate = gram.pop() + 1
        if not gram and candidate < words:
            gram, candidate = [candidate], candidate + 1


register(OpDef("SKIP_GRAM", options="SkipGramOptions", infer=infer_skip_gram, reference=skip_gram, variants=("str",)))
