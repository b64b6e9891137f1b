"""An ASGI application: no framework, an answer takes 30 ms."""
import asyncio


async def app(scope, receive, send):
    assert scope["type"] == "http"
    await asyncio.sleep(0.03)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": b"served"})
