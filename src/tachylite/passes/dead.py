"""Dead code: operators whose outputs nobody reads, and constants and tensors that no operator uses."""

from tachylite.model.graph import Graph

from .runner import Keep, Pass, is_pure, tidy


def remove_dead(graph: Graph, keep: Keep) -> bool:
    """One walk from the last operator to the first."""
    needed, alive = set(keep), []
    for op in reversed(graph.operators):
        if not is_pure(op) or any(t in needed for t in op.outputs):
            needed.update(t for t in op.inputs if t is not None)
            alive.append(op)
    before = len(graph.operators), len(graph.tensors)
    graph.operators = alive[::-1]
    tidy(graph, keep)
    return (len(graph.operators), len(graph.tensors)) != before


DEAD = Pass("dead", remove_dead)
