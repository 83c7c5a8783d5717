"""PyTorch's operators by families."""
