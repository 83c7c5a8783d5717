"""How fast a model runs, and why: measured here, shown by `tachylite bench`."""
