"""Time and concurrency: the only room that knows asyncio, trio, anyio and thread pools."""
