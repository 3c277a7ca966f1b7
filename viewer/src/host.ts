// Parts of published files, read with range requests from the place that the page came from.

import type { RangeResponse, Source } from "pmtiles";
import type { File } from "./facts";

export type HostTrouble = "no_server" | "unreachable" | "no_range" | "missing" | "refused" | "other_size";

/** Why a file cannot be read. */
export class HostError extends Error {
  constructor(
    readonly trouble: HostTrouble,
    readonly href: string,
    readonly detail: string,
  ) {
    super(`${href}: ${trouble} ${detail}`);
  }
}

/** The error of an answer that is not the part asked for. */
async function misanswer(file: File, response: Response): Promise<HostError> {
  await response.body?.cancel();
  const { status } = response;
  if (status === 200) return new HostError("no_range", file.href, "");
  if (status === 404 || status === 410) return new HostError("missing", file.href, String(status));
  return new HostError("refused", file.href, String(status));
}

/** A file that is read in parts: for the tiles (`Source` of pmtiles) and for the table (`AsyncBuffer` of hyparquet). */
export class RangeFile implements Source {
  readonly byteLength: number;
  /** Bytes read so far. */
  read = 0;

  constructor(readonly file: File) {
    this.byteLength = file.size;
  }

  getKey(): string {
    return this.file.href;
  }

  async getBytes(offset: number, length: number, signal?: AbortSignal): Promise<RangeResponse> {
    return { data: await this.part(offset, Math.min(offset + length, this.byteLength), signal) };
  }

  async slice(start: number, end = this.byteLength): Promise<ArrayBuffer> {
    const from = start < 0 ? Math.max(0, this.byteLength + start) : start;
    return this.part(from, end);
  }

  private async part(start: number, end: number, signal?: AbortSignal): Promise<ArrayBuffer> {
    if (end <= start) return new ArrayBuffer(0);
    const { href, size } = this.file;
    if (location.protocol === "file:") throw new HostError("no_server", href, "");
    let response: Response;
    try {
      response = await fetch(href, { headers: { Range: `bytes=${start}-${end - 1}` }, signal: signal ?? null });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new HostError("unreachable", href, String(error));
    }
    if (response.status !== 206) throw await misanswer(this.file, response);
    const total = /\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "")?.[1];
    if (total !== undefined && Number(total) !== size) throw new HostError("other_size", href, `${total} / ${size}`);
    const bytes = await response.arrayBuffer();
    if (bytes.byteLength !== end - start) throw new HostError("other_size", href, `${bytes.byteLength} / ${end - start}`);
    this.read += bytes.byteLength;
    return bytes;
  }
}

/** A whole small file as text. */
export async function readText(file: File): Promise<string> {
  if (location.protocol === "file:") throw new HostError("no_server", file.href, "");
  const response = await fetch(file.href).catch((error: unknown) => {
    throw new HostError("unreachable", file.href, String(error));
  });
  if (!response.ok) throw await misanswer(file, response);
  return response.text();
}
