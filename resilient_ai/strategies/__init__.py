"""The strategies, one a file. Each wraps the next: ``async def execute(self, next, call)``."""
