// The style of the map: layers, colors and filters, made from the facts.

import type { ExpressionSpecification, FilterSpecification, StyleSpecification } from "maplibre-gl";
import type { Facts, Figure } from "./facts";
import type { Shown } from "./state";

/** Layers of the tiles that can be selected. */
export const HIT_LAYERS = ["points", "areas"];
/** Layers that a filter of classes and scores applies to. */
const FILTERED = ["areas", "area-patterns", "outlines", "points"];

/** Column that colors are made by: of events the class before or after, else the class. */
export type ColoredBy = "class_name" | "from_class" | "to_class";

const OTHER = "#8a8a8a";

/** The column that classes are filtered and colored by. */
export function classColumn(facts: Facts): ColoredBy {
  return facts.kind === "change" ? "to_class" : "class_name";
}

/** A value for each class: by its name in a column, or by its number where a tile has no more (a point that stands for several features). */
function byClass(facts: Facts, by: ColoredBy, value: (index: number) => string, other: string): ExpressionSpecification | string {
  const classes = [...facts.classes.entries()];
  if (classes.length === 0) return other;
  const names = new Map(classes.map(([index, item]) => [item.name.en, value(index)]));
  const ids = classes.flatMap(([index, item]) => [item.id, value(index)]);
  const match = (input: unknown, cases: unknown[]): unknown[] => ["match", input, ...cases, other];
  return [
    "case",
    ["has", by],
    match(["get", by], [...names].flat()),
    match(["get", "class_id"], ids),
  ] as unknown as ExpressionSpecification;
}

function color(facts: Facts, by: ColoredBy): ExpressionSpecification | string {
  return byClass(facts, by, (index) => facts.classes[index]?.color ?? OTHER, OTHER);
}

/** The outlines of a decided map have the colors of the states; null for a proposal. */
function byState(facts: Facts): ExpressionSpecification | null {
  if (facts.states.length === 0) return null;
  const cases = facts.states.flatMap((item) => [item.name, item.color]);
  return ["match", ["get", "state"], ...cases, OTHER] as unknown as ExpressionSpecification;
}

/** The name of a class's pattern among the images of the map. */
export function patternName(index: number): string {
  return `pattern-${index}`;
}

function patterned(facts: Facts, by: ColoredBy): ExpressionSpecification | string {
  return byClass(facts, by, patternName, patternName(0));
}

/** Classes and scores that are shown. A point that stands for several features may lack columns; it is not hidden for that. */
export function filter(facts: Facts, shown: Shown): FilterSpecification {
  const all: unknown[] = ["all"];
  if (shown.hiddenClasses.size > 0) {
    const names = facts.classes.filter((item) => shown.hiddenClasses.has(item.id)).map((item) => item.name.en);
    const by = classColumn(facts);
    const hidden = ["in", ["get", by], ["literal", names]];
    const hiddenById = ["in", ["get", "class_id"], ["literal", [...shown.hiddenClasses]]];
    all.push(["!", ["case", ["has", by], hidden, hiddenById]]);
  }
  if (shown.hiddenKinds.size > 0) all.push(["!", ["in", ["get", "kind"], ["literal", [...shown.hiddenKinds]]]]);
  if (shown.hiddenStates.size > 0) all.push(["!", ["in", ["get", "state"], ["literal", [...shown.hiddenStates]]]]);
  if (shown.score > 0) {
    const score = ["get", "score"];
    all.push(["any", ["!=", ["typeof", score], "number"], [">=", ["to-number", score, 1], shown.score]]);
  }
  return all as unknown as FilterSpecification;
}

export function filteredLayers(): string[] {
  return FILTERED;
}

/** Radius of a point, pixels: by the number of features that it stands for. */
const RADIUS = [
  "interpolate",
  ["linear"],
  ["sqrt", ["to-number", ["coalesce", ["get", "count"], ["get", "point_count"], 1], 1]],
  1,
  3.5,
  10,
  9,
  100,
  22,
] as unknown as ExpressionSpecification;

export type DateName = "before" | "after";

/** The dates that there is imagery of; null for an output of one date. */
export function imageryDates(facts: Facts): (DateName | null)[] {
  return facts.imagery.map((image) => image.date);
}

/** The layer with the imagery of a date. */
function imageryLayer(date: DateName | null): string {
  return `imagery-${date ?? "all"}`;
}

/** The imagery of one side of the map; null for the whole map, which shows the date that is chosen. */
function shownDate(facts: Facts, shown: Shown, side: DateName | null): DateName | null {
  const date = side ?? (shown.swipe === null ? shown.date : "after");
  return imageryDates(facts).includes(date) ? date : null;
}

/** Whether the imagery is under the features. */
function isOverImagery(facts: Facts, shown: Shown): boolean {
  return facts.imagery.length > 0 && shown.imagery && shown.opacity > 0;
}

type Paint = [layer: string, property: string, value: unknown];

/** What of the style depends on whether imagery is shown: which, how opaque, and how the areas over it are drawn. */
export function imageryPaint(facts: Facts, shown: Shown, by: ColoredBy, side: DateName | null): { visible: [string, boolean][]; paint: Paint[] } {
  const date = shownDate(facts, shown, side);
  const over = isOverImagery(facts, shown);
  const dates = imageryDates(facts);
  return {
    visible: dates.map((own) => [imageryLayer(own), shown.imagery && own === date]),
    paint: [
      ...dates.map((own): Paint => [imageryLayer(own), "raster-opacity", shown.opacity]),
      ["areas", "fill-opacity", over ? (shown.faint ? 0.08 : 0.35) : 0.72],
      ["outlines", "line-color", byState(facts) ?? (over ? color(facts, by) : "#1d2830")],
      ["outlines", "line-opacity", ["interpolate", ["linear"], ["zoom"], 11, 0, 14, over || facts.states.length > 0 ? 1 : 0.55]],
    ],
  };
}

/** Colors of groups of figures, from the lowest: ColorBrewer's YlGnBu, which persons of every color vision can order. */
const GROUPS = ["#ffffcc", "#a1dab4", "#41b6c4", "#2c7fb8", "#253494"];
const NO_FIGURE = "#c9ced1";

export function figureColors(figure: Figure): string[] {
  const count = figure.breaks.length + 1;
  const at = (i: number): number => Math.round((i * (GROUPS.length - 1)) / Math.max(1, count - 1));
  return Array.from({ length: count }, (_, i) => GROUPS[at(i)] ?? NO_FIGURE);
}

/** The figure that zones are colored by. */
export function zoneFigure(facts: Facts, shown: Shown): Figure | null {
  return facts.zone_map?.figures.find((figure) => figure.column === shown.figure) ?? null;
}

/** Layers of zones that can be selected. */
export const ZONE_LAYERS = ["zone-points", "zone-areas"];

/** What of the style depends on how zones are shown. */
export function zonePaint(facts: Facts, shown: Shown): { visible: [string, boolean][]; paint: Paint[]; filters: [string, FilterSpecification][] } {
  const figure = zoneFigure(facts, shown);
  let value: unknown = NO_FIGURE;
  if (figure !== null) {
    const [first, ...others] = figureColors(figure);
    const get = ["get", figure.column];
    const steps = figure.breaks.flatMap((least, i) => [least, others[i]]);
    value = ["case", ["==", ["typeof", get], "number"], ["step", ["to-number", get, 0], first, ...steps], NO_FIGURE];
  }
  const layers = ["zone-areas", "zone-halo", "zone-lines", "zone-points", "zone-selected"];
  const level = zonesOfLevel(facts, shown);
  return {
    visible: layers.map((layer) => [layer, shown.zones]),
    paint: [
      ["zone-areas", "fill-color", value],
      ["zone-areas", "fill-opacity", figure === null ? 0 : isOverImagery(facts, shown) ? 0.6 : 0.85],
      ["zone-points", "circle-color", value],
    ],
    filters: [
      ...layers.slice(0, 4).map((layer): [string, FilterSpecification] => [layer, level]),
      ["zone-selected", isZone(facts, shown, shown.zone)],
    ],
  };
}

function zonesOfLevel(facts: Facts, shown: Shown): FilterSpecification {
  const map = facts.zone_map;
  if (!map || map.level === null) return ["all"];
  return ["==", ["get", map.level], map.levels[shown.level] ?? ""] as unknown as FilterSpecification;
}

/** Filter of a zone of the level that is shown. Ids may be numbers. */
export function isZone(facts: Facts, shown: Shown, id: string | null): FilterSpecification {
  const column = facts.zone_map?.id ?? "id";
  const own = ["all", ["has", column], ["==", ["to-string", ["get", column]], id ?? ""], id === null ? false : true];
  return ["all", zonesOfLevel(facts, shown), own] as unknown as FilterSpecification;
}

function zoneLayers(): { under: StyleSpecification["layers"]; over: StyleSpecification["layers"] } {
  const vector = { source: "zones", "source-layer": "features" };
  const width = (of: number): ExpressionSpecification => ["interpolate", ["linear"], ["zoom"], 8, of * 0.6, 16, of * 1.4];
  return {
    under: [{ id: "zone-areas", type: "fill", ...vector, paint: { "fill-antialias": false } }],
    over: [
      { id: "zone-halo", type: "line", ...vector, paint: { "line-color": "#ffffff", "line-width": width(2.6), "line-opacity": 0.6 } },
      { id: "zone-lines", type: "line", ...vector, paint: { "line-color": "#2b1a55", "line-width": width(1.4) } },
      {
        id: "zone-points",
        type: "circle",
        source: "zones",
        "source-layer": "points",
        paint: { "circle-radius": RADIUS, "circle-stroke-color": "#2b1a55", "circle-stroke-width": 1.5, "circle-opacity": 0.85 },
      },
      { id: "zone-selected", type: "line", ...vector, paint: { "line-color": "#b3005e", "line-width": 3.5 } },
    ],
  };
}

/** The style for one side: colored by a column, over the imagery of its date if there is some. */
export function style(facts: Facts, shown: Shown, by: ColoredBy, side: DateName | null): StyleSpecification {
  const sources: StyleSpecification["sources"] = {};
  if (facts.tiles) sources["features"] = { type: "vector", url: `pmtiles://${facts.tiles.href}` };
  if (facts.zone_map) sources["zones"] = { type: "vector", url: `pmtiles://${facts.zone_map.file.href}` };
  for (const image of facts.imagery) {
    sources[imageryLayer(image.date)] = { type: "raster", url: `pmtiles://${image.file.href}`, tileSize: 512 };
  }
  const zones = facts.zone_map ? zoneLayers() : { under: [], over: [] };
  const shownBy = filter(facts, shown);
  const visibility = shown.patterns ? "visible" : "none";
  const vector = { source: "features", "source-layer": "features" };
  const layers: StyleSpecification["layers"] = [
    { id: "ground", type: "background", paint: { "background-color": "#f2f4f5" } },
  ];
  for (const date of imageryDates(facts)) {
    layers.push({ id: imageryLayer(date), type: "raster", source: imageryLayer(date), paint: { "raster-fade-duration": 0 } });
  }
  layers.push(...zones.under);
  if (facts.tiles) {
    layers.push(
      {
        id: "areas",
        type: "fill",
        ...vector,
        filter: shownBy,
        paint: { "fill-color": color(facts, by), "fill-antialias": false },
      },
      {
        id: "area-patterns",
        type: "fill",
        ...vector,
        filter: shownBy,
        layout: { visibility },
        paint: { "fill-pattern": patterned(facts, by) },
      },
      {
        id: "outlines",
        type: "line",
        ...vector,
        filter: shownBy,
        paint: {
          "line-width": ["interpolate", ["linear"], ["zoom"], ...(facts.states.length > 0 ? [12, 0.6, 16, 2, 20, 3.5] : [12, 0.2, 16, 0.8, 20, 1.6])] as unknown as ExpressionSpecification,
        },
      },
      {
        id: "points",
        type: "circle",
        source: "features",
        "source-layer": "points",
        filter: shownBy,
        paint: {
          "circle-color": color(facts, by),
          "circle-radius": RADIUS,
          "circle-opacity": 0.85,
          "circle-stroke-color": "#1d2830",
          "circle-stroke-width": 1,
        },
      },
    );
  }
  layers.push(...zones.over);
  if (facts.tiles) layers.push(...selectionLayers(shown.selected));
  return painted({ version: 8, sources, layers }, facts, shown, by, side);
}

/** A style with what depends on imagery and zones. */
function painted(made: StyleSpecification, facts: Facts, shown: Shown, by: ColoredBy, side: DateName | null): StyleSpecification {
  const imagery = imageryPaint(facts, shown, by, side);
  const zones = zonePaint(facts, shown);
  type Open = { layout?: Record<string, unknown>; paint?: Record<string, unknown>; filter?: unknown };
  const layer = (id: string): Open | undefined => made.layers.find((layer) => layer.id === id) as Open | undefined;
  for (const [id, on] of [...imagery.visible, ...zones.visible]) {
    const found = layer(id);
    if (found) found.layout = { ...found.layout, visibility: on ? "visible" : "none" };
  }
  for (const [id, property, value] of [...imagery.paint, ...zones.paint]) {
    const found = layer(id);
    if (found) found.paint = { ...found.paint, [property]: value };
  }
  for (const [id, value] of zones.filters) {
    const found = layer(id);
    if (found) found.filter = value;
  }
  return made;
}

/** Filter of the selected feature. */
export function isSelected(id: string | null): FilterSpecification {
  return ["==", ["get", "id"], id ?? ""] as unknown as FilterSpecification;
}

export const SELECTION_LAYERS = ["selected-halo", "selected", "selected-point"];

function selectionLayers(id: string | null): StyleSpecification["layers"] {
  const vector = { source: "features", "source-layer": "features" };
  const chosen = isSelected(id);
  return [
    {
      id: "selected-halo",
      type: "line",
      ...vector,
      filter: chosen,
      paint: { "line-color": "#ffffff", "line-width": 5.5 },
    },
    { id: "selected", type: "line", ...vector, filter: chosen, paint: { "line-color": "#b3005e", "line-width": 2.5 } },
    {
      id: "selected-point",
      type: "circle",
      source: "features",
      "source-layer": "points",
      filter: chosen,
      paint: {
        "circle-radius": 9,
        "circle-opacity": 0,
        "circle-stroke-color": "#b3005e",
        "circle-stroke-width": 3,
      },
    },
  ];
}
