"""When a value must keep its memory."""

from dataclasses import dataclass


@dataclass
class Interval:
    """The instructions, first and last, between which a value must keep its memory."""

    first: int
    last: int

    def meets(self, other: "Interval") -> bool:
        return self.first <= other.last and other.first <= self.last
