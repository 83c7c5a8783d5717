"""TensorFlow 1's control flow, which is made of nodes (Enter, Merge, Switch, NextIteration, Exit), as While and If with functions.

A loop is a frame: each variable goes Enter → Merge → Switch, and from there through the body to NextIteration and back, or to Exit.
A conditional sends values through Switch into one of two branches, whose results meet in a Merge.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tachylite.frontends.protobuf import Message
from tachylite.model.errors import FileError

from .library import FunctionBody, Library, Nodes, Reference

ENTERS, MERGES = ("Enter", "RefEnter"), ("Merge", "RefMerge")
SWITCHES, EXITS = ("Switch", "RefSwitch"), ("Exit", "RefExit")
STEPS = ("NextIteration", "RefNextIteration")


@dataclass
class Frame:
    """One loop, by the names of its nodes; those of one variable stand at the same place. constants: Enters of what stays as it is."""

    name: str
    test: str = ""
    enters: list[str] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    switches: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)


def functionalized(nodes: Nodes, library: Library) -> Nodes:
    """The nodes with their loops as While and their conditionals as If; the functions of both are added to the library."""
    found = dict(nodes.by_name)
    if not any(node.op in MERGES for node in found.values()):
        return nodes
    frames = _frames(nodes)
    for frame in frames:
        found |= _loop_nodes(nodes, frame)
    of_loops = {name for frame in frames for name in frame.merges}
    flat = Nodes(found.values())
    conditionals = [_Conditional.of(flat, name) for name, node in found.items() if node.op in MERGES and name not in of_loops]
    for conditional in conditionals:
        found[conditional.merge] = conditional.node(flat)
    for frame in frames:
        _add_loop_functions(library, nodes, found, frame)
    for conditional in conditionals:
        conditional.add_functions(library, found)
    return Nodes(found.values())


def _function(library: Library, name: str, arguments: list[str], results: list[str], found: Mapping[str, Message]) -> None:
    """Add a function of nodes of the graph; its arguments are nodes whose values are given."""
    nodes = Nodes(node for key, node in found.items() if key not in arguments)
    library.add(FunctionBody(name, arguments, results, nodes, is_frame=True))


def _node(name: str, op: str, inputs: Iterable[str], **functions: str) -> Message:
    attributes = {key: Message(func=Message(name=function)) for key, function in functions.items()}
    return Message(name=name, op=op, input=list(inputs), attr=attributes)


# Loops.


def _frames(nodes: Nodes) -> list[Frame]:
    """All loops. Raises FileError where one lacks a part."""
    frames: dict[str, Frame] = {}
    readers = _readers(nodes)
    for node in nodes.by_name.values():
        if node.op in ENTERS:
            name = str(node.attr["frame_name"].s, "utf-8")
            frame = frames.setdefault(name, Frame(name))
            merge = next((reader for reader in readers.get(node.name, ()) if reader.op in MERGES), None)
            if merge is None:
                frame.constants.append(node.name)
            else:
                _add_variable(nodes, frame, node, merge, readers)
    return list(frames.values())


def _readers(nodes: Nodes) -> dict[str, list[Message]]:
    readers: dict[str, list[Message]] = {}
    for node in nodes.by_name.values():
        for reference in nodes.inputs(node):
            if not reference.is_control:
                readers.setdefault(reference.node, []).append(node)
    return readers


def _add_variable(nodes: Nodes, frame: Frame, enter: Message, merge: Message, readers: Mapping[str, list[Message]]) -> None:
    step = next((r.node for r in nodes.inputs(merge) if nodes.by_name[r.node].op in STEPS), None)
    switch = next((reader for reader in readers.get(merge.name, ()) if reader.op in SWITCHES), None)
    if step is None or switch is None:
        raise FileError(f"the loop {frame.name!r} lacks a Switch or NextIteration for {enter.name!r}; the graph is damaged")
    frame.test = nodes.inputs(switch)[1].node
    frame.enters.append(enter.name)
    frame.merges.append(merge.name)
    frame.switches.append(switch.name)
    frame.steps.append(step)


def _loop_nodes(nodes: Nodes, frame: Frame) -> dict[str, Message]:
    """A While in place of the frame, and its outputs in place of the Exits."""
    loop = f"{frame.name}/While"
    inputs = [nodes.by_name[name].input[0] for name in (*frame.enters, *frame.constants)]
    result = {loop: _node(loop, "While", inputs, cond=f"{loop}/cond", body=f"{loop}/body")}
    for node in nodes.by_name.values():
        if node.op in EXITS and (switch := nodes.inputs(node)[0].node) in frame.switches:
            result[node.name] = _node(node.name, "Identity", [f"{loop}:{frame.switches.index(switch)}"])
    return result


def _add_loop_functions(library: Library, nodes: Nodes, found: Mapping[str, Message], frame: Frame) -> None:
    loop = f"{frame.name}/While"
    _function(library, f"{loop}/cond", [*frame.merges, *frame.constants], [nodes.by_name[frame.test].input[0]], found)
    results = [nodes.by_name[name].input[0] for name in frame.steps]
    _function(library, f"{loop}/body", [*frame.switches, *frame.constants], [*results, *frame.constants], found)


# Conditionals.


@dataclass
class _Conditional:
    """A Merge of two branches; switches: those through which values enter them, of which the condition is the second input."""

    merge: str
    condition: str
    switches: list[str]
    otherwise: str
    then: str

    @classmethod
    def of(cls, nodes: Nodes, merge: str) -> "_Conditional":
        """Raises FileError where the branches do not come from one condition."""
        inputs = [text for text in nodes.by_name[merge].input if not text.startswith("^")]
        sides: dict[int, str] = {}
        condition = ""
        for text in inputs:
            switch, side = _nearest_switch(nodes, text)
            condition, sides[side] = nodes.by_name[switch].input[1], text
        if set(sides) != {0, 1}:
            raise FileError(f"{merge!r} does not merge the two branches of a condition; the graph is damaged")
        switches: dict[str, None] = {}
        for text in inputs:
            _collect_switches(nodes, text, condition, switches)
        return cls(merge, condition, list(switches), sides[0], sides[1])

    def node(self, nodes: Nodes) -> Message:
        """An If in the place of the Merge."""
        inputs = [self.condition, *(nodes.by_name[name].input[0] for name in self.switches)]
        return _node(self.merge, "If", inputs, then_branch=f"{self.merge}/then", else_branch=f"{self.merge}/else")

    def add_functions(self, library: Library, found: Mapping[str, Message]) -> None:
        """Each branch as a function of what enters it."""
        for name, result in (("then", self.then), ("else", self.otherwise)):
            _function(library, f"{self.merge}/{name}", self.switches, [result], found)


def _nearest_switch(nodes: Nodes, text: str) -> tuple[str, int]:
    """The Switch that decides whether a value is computed, and which of its outputs must be alive for that.

    Conditionals within the branch are passed as a whole: from their Merge to what enters them.
    """
    waiting, seen = [(text, 0)], set()
    for current, depth in waiting:  # grows as it goes
        reference = Reference.of(current)
        node = nodes.by_name.get(reference.node)
        if node is None or (current, depth) in seen:
            continue
        seen.add((current, depth))
        if node.op in SWITCHES and depth == 0:
            return node.name, reference.index
        inside = depth + (node.op in MERGES) - (node.op in SWITCHES)
        # What a Switch sends on comes from its first input; the condition lies outside of the branch.
        waiting += [(source, inside) for source in (node.input[:1] if node.op in SWITCHES else node.input)]
    raise FileError(f"{text!r} is merged, but no Switch decides about it; the graph is damaged")


def _collect_switches(nodes: Nodes, text: str, condition: str, switches: dict[str, None]) -> None:
    """Note the Switches of this condition through which values enter what `text` is computed from."""
    waiting, seen = [text], set()
    for current in waiting:  # grows as it goes
        name = Reference.of(current).node
        node = nodes.by_name.get(name)
        if node is None or name in seen or current.startswith("^"):
            continue
        seen.add(name)
        if node.op in SWITCHES and node.input[1] == condition:
            switches[name] = None
        else:
            waiting += node.input
