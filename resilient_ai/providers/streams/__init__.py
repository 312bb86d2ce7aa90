"""How the event streams of each API are read."""
