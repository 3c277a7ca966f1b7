// A static host on the loopback address for the tests, with and without range requests.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { join, normalize } from "node:path";

const TYPES = { html: "text/html; charset=utf-8", csv: "text/csv; charset=utf-8" };

/** Serves a folder; `ranges` may be set to false, and `broken` to a status for all but the page. */
export async function serve(folder) {
  const host = { ranges: true, broken: 0, origin: "", requests: [], close: () => server.close() };
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    const isPage = path.endsWith(".html");
    host.requests.push({ path, range: request.headers.range ?? null });
    if (host.broken > 0 && !isPage) return response.writeHead(host.broken).end();
    let size;
    try {
      size = statSync(join(folder, path)).size;
    } catch {
      return response.writeHead(404).end();
    }
    const type = TYPES[path.split(".").pop()] ?? "application/octet-stream";
    const range = /^bytes=(\d+)-(\d+)$/.exec(host.ranges ? (request.headers.range ?? "") : "");
    if (!range) {
      response.writeHead(200, { "Content-Type": type, "Content-Length": size });
      return createReadStream(join(folder, path)).pipe(response);
    }
    const [start, end] = [Number(range[1]), Math.min(Number(range[2]), size - 1)];
    response.writeHead(206, { "Content-Type": type, "Content-Length": end - start + 1, "Content-Range": `bytes ${start}-${end}/${size}` });
    createReadStream(join(folder, path), { start, end }).pipe(response);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  host.origin = `http://127.0.0.1:${server.address().port}`;
  return host;
}
