"""Trained models of other frameworks, read into graphs: one function for each source layer or operation."""
