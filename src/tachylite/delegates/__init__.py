"""Delegates that come with Tachylite; the entry points in pyproject.toml make them known by name."""
