"""A proxy that answers every HTTP request later by a fixed latency, and counts what passes.

python benches/peers/s3_proxy.py UPSTREAM_PORT --latency-ms 50

Prints its port. Requests wait side by side, as on a line with much room; `GET /__counts` gives what was asked for since the
last time, as JSON: requests, bytes of the bodies, bytes that were sent more than once, connections.
"""

import argparse
import asyncio
import json

PIECE = 1 << 18


class Counts:
    def __init__(self):
        self.connections = 0
        self.clear()

    def clear(self):
        self.requests, self.bytes, self.ranges, self.opened, self.methods = 0, 0, {}, self.connections, {}

    def add(self, method, path, first, length):
        self.requests += 1
        self.bytes += length
        self.methods[method] = self.methods.get(method, 0) + 1
        if length:
            self.ranges.setdefault(path, []).append((first, first + length))

    def taken(self):
        twice = 0
        for ranges in self.ranges.values():
            end = 0
            for first, last in sorted(ranges):
                twice += max(0, min(end, last) - first)
                end = max(end, last)
        answer = {"requests": self.requests, "bytes": self.bytes, "bytes_again": twice, "methods": self.methods,
                  "connections": self.connections - self.opened}
        self.clear()
        return answer


async def head_of(reader):
    """The start line and the headers, as they are and parsed; None at the end."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = raw.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return raw, lines[0].split(" ", 2), headers


async def relay(reader, writer, length):
    while length > 0:
        piece = await reader.read(min(length, PIECE))
        if not piece:
            raise ConnectionError
        writer.write(piece)
        await writer.drain()
        length -= len(piece)


class Proxy:
    def __init__(self, upstream, latency_s):
        self.upstream, self.latency_s, self.counts = upstream, latency_s, Counts()

    async def serve(self, reader, writer):
        self.counts.connections += 1
        up = None
        try:
            while head := await head_of(reader):
                raw, (method, path, _), headers = head
                if path == "/__counts":
                    self.counts.connections -= 1
                    body = json.dumps(self.counts.taken()).encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                    break
                await asyncio.sleep(self.latency_s)
                if up is None:
                    up = await asyncio.open_connection("127.0.0.1", self.upstream, limit=1 << 20)
                up[1].write(raw)
                await relay(reader, up[1], int(headers.get("content-length", 0)))
                raw, _, answer = await head_of(up[0])
                length = 0 if method == "HEAD" else int(answer.get("content-length", 0))
                span = answer.get("content-range", "bytes 0-").split(" ")[1]
                self.counts.add(method, path.split("?")[0], int(span.split("-")[0]) if span[0] != "*" else 0, length)
                writer.write(raw)
                await relay(up[0], writer, length)
        except (ConnectionError, TypeError):
            pass
        finally:
            for end in filter(None, [writer, up and up[1]]):
                end.close()


async def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("upstream", type=int)
    arguments.add_argument("--latency-ms", type=float, default=50)
    options = arguments.parse_args()
    proxy = Proxy(options.upstream, options.latency_ms / 1000)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
