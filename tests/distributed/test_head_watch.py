"""A head that does not answer is lost after a while, once; one that answers again in time is not."""

from __future__ import annotations

import asyncio

from distributed.head_watch import HeadWatch


async def listening() -> tuple[asyncio.Server, int]:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    return server, int(server.sockets[0].getsockname()[1])


async def test_a_head_that_is_gone_is_lost_and_one_that_answers_is_not() -> None:
    server, port = await listening()
    lost: list[float] = []
    watch = asyncio.create_task(HeadWatch("127.0.0.1", port, every_s=0.01, missed_s=0.1).watch(lost.append))
    await asyncio.sleep(0.2)
    assert lost == []

    server.close()
    await server.wait_closed()
    async with asyncio.timeout(10):
        await watch

    assert len(lost) == 1
    assert lost[0] > 0.1
