"""Programs printed as C: source that needs no interpreter, no allocation and no library beyond mem*."""
