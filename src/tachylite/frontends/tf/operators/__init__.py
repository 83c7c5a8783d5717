"""One function per operator of TensorFlow, a file for each family."""
