"""How each kind of client is wrapped: one module for each."""
