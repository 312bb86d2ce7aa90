"""What we know of each API: no I/O; bytes and plain data in, plain data out."""
