"""What torch.export and jax.export have in common: a program of operators in static single assignment, walked from first to last.

A thin reader, which needs the framework, makes the plain description in `program.py` of it. All that follows works on that alone.
"""
