// The style of the map: layers, colors and filters, made from the facts.

import type { ExpressionSpecification, FilterSpecification, StyleSpecification } from "maplibre-gl";
import type { Facts } from "./facts";
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

/** The style for one side: colored by a column, over the imagery of a date if there is some. */
export function style(facts: Facts, shown: Shown, by: ColoredBy, date: "before" | "after" | null): StyleSpecification {
  const image = facts.imagery.find((item) => item.date === date) ?? facts.imagery.find((item) => item.date === null);
  const sources: StyleSpecification["sources"] = {};
  if (facts.tiles) sources["features"] = { type: "vector", url: `pmtiles://${facts.tiles.href}` };
  if (image) sources["imagery"] = { type: "raster", url: `pmtiles://${image.file.href}`, tileSize: 256 };
  const over = image ? 0.35 : 0.72;
  const shownBy = filter(facts, shown);
  const visibility = shown.patterns ? "visible" : "none";
  const vector = { source: "features", "source-layer": "features" };
  const layers: StyleSpecification["layers"] = [
    { id: "ground", type: "background", paint: { "background-color": "#f2f4f5" } },
  ];
  if (image) layers.push({ id: "imagery", type: "raster", source: "imagery" });
  if (facts.tiles) {
    layers.push(
      {
        id: "areas",
        type: "fill",
        ...vector,
        filter: shownBy,
        paint: { "fill-color": color(facts, by), "fill-opacity": over, "fill-antialias": false },
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
          "line-color": image ? color(facts, by) : "#1d2830",
          "line-width": ["interpolate", ["linear"], ["zoom"], 12, 0.2, 16, 0.8, 20, 1.6],
          "line-opacity": ["interpolate", ["linear"], ["zoom"], 11, 0, 14, image ? 1 : 0.55],
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
      ...selectionLayers(shown.selected),
    );
  }
  return { version: 8, sources, layers };
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
