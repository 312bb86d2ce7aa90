"""Translation between dialects, through one canonical form: pure functions, and machines for streams."""
