"""Smaller and faster models with their accuracy kept: recipes, calibration, comparison."""
