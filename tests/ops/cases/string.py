"""Cases of the string family."""

from collections.abc import Iterator

import numpy as np

from tachylite.model.dtypes import STRING

from ..harness import Case, case, out


def cases() -> Iterator[Case]:
    texts = (b"the quick  brown\tfox jumps ", b" leading white space", b"one", b" one")
    for i, text in enumerate(texts):
        for size, skip, every in ((1, 0, False), (2, 1, False), (3, 2, True)):
            options = {"ngram_size": size, "max_skip_size": skip, "include_all_ngrams": every}
            y = out(STRING, shape=(1,))
            yield case(f"text-{i}-{size}-{skip}", "SKIP_GRAM", np.array([text], STRING), out=y, **options)
