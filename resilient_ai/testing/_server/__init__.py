"""The simulator's own process. Nothing here is imported by the process that starts it."""
