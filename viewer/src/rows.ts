// Tables: columns of a GeoParquet file that are read when they are needed, or of a small CSV file.

import { decompress as zstd } from "fzstd";
import { parquetMetadataAsync, parquetScan } from "hyparquet";
import type { ParquetScan } from "hyparquet/src/types.js";
import type { Field } from "./facts";
import type { RangeFile } from "./host";

export type Cell = string | number | null;
/** Called with the part that is done, 0 to 1. */
export type Progress = (part: number) => void;

/** A table of which any column and any row can be read. */
export interface Rows {
  readonly count: number;
  readonly fields: Field[];
  /** All values of a column. */
  column(name: string, progress?: Progress): Promise<ArrayLike<Cell>>;
  /** Some rows of some columns. */
  cells(rows: ArrayLike<number>, names: string[], progress?: Progress): Promise<Cell[][]>;
}

function plain(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "number") return Number.isNaN(value) ? null : value;
  return typeof value === "string" ? value : String(value);
}

/** Columns of a Parquet file, read a row group at a time. */
export class ParquetRows implements Rows {
  readonly count: number;
  private readonly parts = new Map<string, Promise<ArrayLike<unknown>>>();

  private constructor(
    private readonly scan: ParquetScan,
    readonly fields: Field[],
  ) {
    this.count = Number(scan.metadata.num_rows);
  }

  /** Reads the footer; columns that the file does not have are left out. */
  static async open(file: RangeFile, fields: Field[]): Promise<ParquetRows> {
    const metadata = await parquetMetadataAsync(file);
    const names = new Set(metadata.schema.map((element) => element.name));
    const found = fields.filter((field) => names.has(field.name));
    const columns = [...found.map((field) => field.name), ...(names.has("bbox") ? ["bbox"] : [])];
    const compressors = { ZSTD: (input: Uint8Array, length: number): Uint8Array => zstd(input, new Uint8Array(length)) };
    return new ParquetRows(await parquetScan({ file, metadata, columns, compressors }), found);
  }

  private part(name: string, group: number): Promise<ArrayLike<unknown>> {
    const key = `${group} ${name}`;
    let part = this.parts.get(key);
    if (part === undefined) {
      const range = this.scan.ranges[group];
      if (range === undefined) throw new RangeError(`no row group ${group}`);
      part = this.scan.readColumn({ column: name, ...range });
      // What failed may be tried again.
      part.catch(() => this.parts.delete(key));
      this.parts.set(key, part);
    }
    return part;
  }

  private groupOf(row: number): number {
    return this.scan.ranges.findIndex((range) => row < range.rowEnd);
  }

  async column(name: string, progress: Progress = () => undefined): Promise<ArrayLike<Cell>> {
    const all = new Array<Cell>(this.count);
    for (const [group, range] of this.scan.ranges.entries()) {
      const part = await this.part(name, group);
      for (let i = 0; i < part.length; i++) all[range.rowStart + i] = plain(part[i]);
      progress((group + 1) / this.scan.ranges.length);
    }
    return all;
  }

  async cells(rows: ArrayLike<number>, names: string[], progress: Progress = () => undefined): Promise<Cell[][]> {
    const groups = new Map<number, number[]>();
    for (let i = 0; i < rows.length; i++) {
      const group = this.groupOf(rows[i] ?? 0);
      const places = groups.get(group) ?? [];
      if (places.push(i) === 1) groups.set(group, places);
    }
    const cells: Cell[][] = Array.from({ length: rows.length }, () => []);
    let done = 0;
    for (const [group, places] of groups) {
      const start = this.scan.ranges[group]?.rowStart ?? 0;
      const parts = await Promise.all(names.map((name) => this.part(name, group)));
      for (const place of places) cells[place] = parts.map((part) => plain(part[(rows[place] ?? 0) - start]));
      progress(++done / groups.size);
    }
    return cells;
  }

  /** The first row whose id begins so. */
  async find(prefix: string, progress: Progress): Promise<number | null> {
    for (const [group, range] of this.scan.ranges.entries()) {
      const ids = await this.part("id", group);
      for (let i = 0; i < ids.length; i++) if (String(ids[i]).startsWith(prefix)) return range.rowStart + i;
      progress((group + 1) / this.scan.ranges.length);
    }
    return null;
  }

  /** The box of a row in the CRS of the file; null in a file without boxes. */
  async box(row: number): Promise<[number, number, number, number] | null> {
    if (!this.scan.metadata.schema.some((element) => element.name === "bbox")) return null;
    const group = this.groupOf(row);
    const boxes = await this.part("bbox", group);
    const box = boxes[row - (this.scan.ranges[group]?.rowStart ?? 0)] as Record<string, number> | undefined;
    const sides = [box?.["xmin"], box?.["ymin"], box?.["xmax"], box?.["ymax"]];
    return sides.every((side) => typeof side === "number") ? (sides as [number, number, number, number]) : null;
  }

  /** A row as a record. */
  async record(row: number): Promise<Record<string, Cell>> {
    const names = this.fields.map((field) => field.name);
    const [cells] = await this.cells([row], names);
    return Object.fromEntries(names.map((name, i) => [name, cells?.[i] ?? null]));
  }
}

/** The rows of a CSV file (RFC 4180). */
export class CsvRows implements Rows {
  readonly count: number;

  constructor(
    private readonly lines: Cell[][],
    readonly fields: Field[],
  ) {
    this.count = lines.length;
  }

  /** Fields that are numbers by their schema become numbers, empty ones null. */
  static parse(text: string, known: Field[]): CsvRows {
    const [head = [], ...lines] = csvLines(text);
    const fields = head.map(
      (name) => known.find((field) => field.name === name) ?? { name, type: "string", title: name, "title:fr": name },
    );
    const value = (text: string, i: number): Cell => {
      if (text === "") return null;
      const type = fields[i]?.type;
      const number = Number(text);
      return (type === "number" || type === "integer") && Number.isFinite(number) ? number : text;
    };
    return new CsvRows(
      lines.map((line) => line.map(value)),
      fields,
    );
  }

  private at(name: string): number {
    return this.fields.findIndex((field) => field.name === name);
  }

  column(name: string): Promise<ArrayLike<Cell>> {
    const at = this.at(name);
    return Promise.resolve(this.lines.map((line) => line[at] ?? null));
  }

  /** The first row with a value in a column. */
  async find(name: string, value: string): Promise<number | null> {
    const values = await this.column(name);
    for (let row = 0; row < values.length; row++) if (String(values[row] ?? "") === value) return row;
    return null;
  }

  /** A row as a record. */
  record(row: number): Promise<Record<string, Cell>> {
    return Promise.resolve(Object.fromEntries(this.fields.map((field, i) => [field.name, this.lines[row]?.[i] ?? null])));
  }

  cells(rows: ArrayLike<number>, names: string[]): Promise<Cell[][]> {
    const at = names.map((name) => this.at(name));
    return Promise.resolve(Array.from(rows, (row) => at.map((i) => this.lines[row]?.[i] ?? null)));
  }
}

/** The lines of a CSV file, each as its fields. */
export function csvLines(text: string): string[][] {
  const lines: string[][] = [];
  let [line, field, quoted]: [string[], string, boolean] = [[], "", false];
  const body = text.replace(/^\ufeff/, "");
  for (let i = 0; i < body.length; i++) {
    const sign = body[i] ?? "";
    if (quoted) {
      if (sign !== '"') field += sign;
      else if (body[i + 1] === '"') [field, i] = [field + '"', i + 1];
      else quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === "," || sign === "\n") {
      line.push(field);
      field = "";
      if (sign === "\n") {
        lines.push(line);
        line = [];
      }
    } else if (sign !== "\r") field += sign;
  }
  if (field !== "" || line.length > 0) lines.push([...line, field]);
  return lines;
}

/** A line of a CSV file. Text that a spreadsheet would take for a formula is written as text. */
export function csvLine(cells: Cell[]): string {
  const written = cells.map((cell) => {
    if (cell === null) return "";
    if (typeof cell === "number") return String(cell);
    const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${written.join(",")}\r\n`;
}
