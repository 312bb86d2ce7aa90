"""The two forms of one answer, plain JSON and an event stream, each made of the other."""
