"""Pure state: no I/O, no await and no clock of its own; the time is always passed in, as monotonic seconds."""
