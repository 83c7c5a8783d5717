"""Keras's layers, one file for each family."""
