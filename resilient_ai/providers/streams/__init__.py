"""How the event streams of each API are read; and, where they are text, how another answer to the same request is cut
down to the rest of one that broke off, for its SDKs to take it as the first one's."""
