// The facts of a run or a comparison that the page was made with: crates/arpent-viewer writes them, so the two change together.

export type Language = "en" | "fr";

/** A text in both languages of the page. */
export type Both = Record<Language, string>;

/** A published file beside the page. */
export interface File {
  href: string;
  role: string;
  media_type: string;
  size: number;
}

export interface ClassFact {
  id: number;
  name: Both;
  code: string | null;
  /** `#rrggbb`. */
  color: string;
  /** Number of features; null where it was not counted. */
  features: number | null;
  /** Whether it is in the legend; a class without features of its own has a name and a color only. */
  legend: boolean;
}

/** A state of review. */
export interface StateFact {
  /** As in the column `state`. */
  name: string;
  title: Both;
  /** `#rrggbb`. */
  color: string;
  features: number;
}

/** A field of a Table Schema. */
export interface Field {
  name: string;
  type: string;
  title: string;
  "title:fr": string;
  unit?: string;
  description?: string;
}

export interface Scene {
  id: string;
  acquired: string | null;
  date: "before" | "after" | null;
}

export interface Warning {
  code: string;
  subject: string;
  message: string;
  hint: string | null;
}

/** Where places of the files' CRS lie: longitudes and latitudes at the nodes of a lattice over `bbox`, rows from the south. */
export interface Lattice {
  bbox: [number, number, number, number];
  columns: number;
  rows: number;
  points: [number, number][];
}

/** A column of numbers, in groups of about as many zones: the second and those after it begin at the breaks. */
export interface Figure {
  column: string;
  breaks: number[];
}

/** Zones with their figures, as tiles. */
export interface ZoneMap {
  file: File;
  columns: Field[];
  /** Columns with the id of a zone within its level, and with its level. */
  id: string;
  level: string | null;
  levels: string[];
  figures: Figure[];
  /** The column that zones are colored by at first. */
  color: string | null;
}

export interface Zones {
  file: File;
  title: Both;
  columns: Field[];
}

/** Why features of a map may have no score. */
export interface Unscored {
  /** A reference layer gives classes. */
  overrides: boolean;
  /** Classes are ranges of values that the model estimates. */
  ranges: boolean;
  /** Answers that are too uncertain are no class: the name of theirs in English, and the largest share of errors, 0 to 1. */
  undecided: { class: string; max_risk: number } | null;
}

/** What a change must have passed to become an event; null where it was not asked for. */
export interface Rules {
  width_px: number | null;
  min_area_m2: number | null;
  min_confidence: number | null;
}

export interface Facts {
  kind: "map" | "change" | "zonal";
  language: Language;
  title: string;
  run_id: string;
  software: string;
  model: { id: string; version: string; sha256: string; license: string } | null;
  before: string | null;
  after: string | null;
  scenes: Scene[];
  warnings: Warning[];
  attribution: string | null;
  license: string | null;
  classes: ClassFact[];
  /** Kinds of events with their numbers. */
  kinds: { name: string; features: number }[];
  /** States of review with their numbers, of a decided map; empty for a proposal. */
  states: StateFact[];
  unscored: Unscored;
  columns: Field[];
  features: number;
  tiles: File | null;
  table: File | null;
  imagery: { file: File; date: "before" | "after" | null }[];
  zones: Zones[];
  zone_map: ZoneMap | null;
  pictures: { id: string; before: string; after: string }[];
  rules: Rules | null;
  files: File[];
  /** West, south, east, north. */
  extent: [number, number, number, number];
  places: Lattice;
}

/** The facts in the page. */
export function readFacts(): Facts {
  const element = document.getElementById("facts");
  if (element === null) throw new Error("the page has no facts");
  return JSON.parse(element.textContent ?? "") as Facts;
}

/** Longitude and latitude of a place in the CRS of the files, interpolated in its cell of the lattice. */
export function lonLat(lattice: Lattice, x: number, y: number): [number, number] {
  const [west, south, east, north] = lattice.bbox;
  const along = (value: number, from: number, to: number, nodes: number): [number, number] => {
    const at = ((value - from) / (to - from)) * (nodes - 1);
    const cell = Math.min(Math.max(Math.floor(at), 0), nodes - 2);
    return [cell, at - cell];
  };
  const [column, u] = along(x, west, east, lattice.columns);
  const [row, v] = along(y, south, north, lattice.rows);
  const node = (dx: number, dy: number): [number, number] =>
    lattice.points[(row + dy) * lattice.columns + column + dx] ?? [0, 0];
  const mix = (axis: 0 | 1): number => {
    const lower = node(0, 0)[axis] * (1 - u) + node(1, 0)[axis] * u;
    const upper = node(0, 1)[axis] * (1 - u) + node(1, 1)[axis] * u;
    return lower * (1 - v) + upper * v;
  };
  return [mix(0), mix(1)];
}
