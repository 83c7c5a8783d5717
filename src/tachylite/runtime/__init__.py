"""Running programs: the interpreter, and the executors behind it."""
