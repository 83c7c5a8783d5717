"""Values overlap only where a kernel allows it, and there they do."""

from itertools import combinations
from pathlib import Path

from tachylite.model import codec
from tachylite.program import memory, overlap
from tachylite.program.lower import lower
from tachylite.program.target import Target

DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "digits_int8.tflite"


def test_only_an_input_and_its_output_overlap_and_the_output_leads() -> None:
    program = lower(codec.read_file(DIGITS), target=Target("dsp", alignment=8, io_in_arena=True))
    (entry,) = program.entries.values()
    intervals = memory.lifetimes(entry)
    shared = memory.share_in_place(program, entry, intervals)
    leads = overlap.leads(program, entry, intervals, shared)
    own = [v for v in intervals if program.values[v].offset >= 0 and v not in shared]
    overlapping = 0
    for pair in combinations(own, 2):
        a, b = (program.values[v] for v in pair)
        if not intervals[pair[0]].meets(intervals[pair[1]]) or a.offset >= b.offset + b.nbytes or b.offset >= a.offset + a.nbytes:
            continue
        source, target = pair if pair in leads else pair[::-1]
        assert program.values[source].offset - program.values[target].offset >= leads[source, target]
        overlapping += 1
    assert overlapping > 0
    assert max(program.values[v].offset + program.values[v].nbytes for v in own) <= program.arena_size


def test_inputs_and_outputs_lie_in_the_arena_where_the_target_says_so() -> None:
    program = lower(codec.read_file(DIGITS), target=Target("dsp", io_in_arena=True))
    (entry,) = program.entries.values()
    assert all(program.values[v].offset >= 0 for v in (*entry.inputs, *entry.outputs))
