"""Training: gradients of graphs, optimizers, trainable models, fine-tuning of compressed ones."""
