// Outputs for the tests: a land cover map and a comparison, made of squares, with names that try to be markup.
import { parquetWriteBuffer } from "hyparquet-writer";
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { archive, pictures } from "./pmtiles.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
/** A name as nobody should give one. */
export const HOSTILE = `"><img src=x onerror=alert(1)> & 🌳 'l’eau'`;
/** Corner of the squares, degrees, and their side. */
const [WEST, NORTH, SIDE] = [2.3, 48.86, 0.0006];
/** Squares a row. */
const ACROSS = 30;

const CLASSES = [
  { id: 1, name: { en: "building", fr: "bâtiment" }, code: "CS1.1.1.1", color: "#ce7079" },
  { id: 5, name: { en: "water", fr: "surface d'eau" }, code: "CS1.2.2", color: "#3375a1" },
  { id: 7, name: { en: "deciduous", fr: "feuillu" }, code: "CS2.1.1.1", color: "#4c9129" },
  { id: 10, name: { en: "herbaceous vegetation", fr: "végétation herbacée" }, code: "CS2.2.1", color: "#8cd76a" },
  { id: 11, name: { en: HOSTILE, fr: HOSTILE }, code: null, color: "#decf55" },
];
/** Colors of the imagery of both dates. */
export const IMAGERY = { before: [90, 120, 60], after: [200, 180, 150] };
const KINDS = ["appeared", "disappeared", "grown", "reclassified"];

const text = (name, title, fr) => ({ name, type: "string", title, "title:fr": fr });
const number = (name, title, fr, unit) => ({ name, type: "number", title, "title:fr": fr, ...(unit ? { unit } : {}) });
const whole = (name, title, fr) => ({ name, type: "integer", title, "title:fr": fr });
const COLUMNS = [
  text("id", "Identifier", "Identifiant"),
  whole("class_id", "Class number", "Numéro de classe"),
  text("class_name", "Class", "Classe"),
  { ...number("score", "Score", "Score"), description: "0 to 1: mean confidence." },
  number("area_m2", "Area (m²)", "Surface (m²)", "m2"),
  number("pixels_area_m2", "Area of the pixels (m²)", "Surface des pixels (m²)", "m2"),
  text("run_id", "Run", "Traitement"),
  text("model_id", "Model", "Modèle"),
  text("model_sha256", "Model's SHA-256", "SHA-256 du modèle"),
  text("scene_ids", "Scenes", "Images sources"),
  text("acquired", "Acquired", "Date de prise de vue"),
  text("state", "State of review", "État de validation"),
];
const EVENT_COLUMNS = [
  text("kind", "Kind of event", "Nature de l'événement"),
  text("from_class", "Class before", "Classe avant"),
  text("to_class", "Class after", "Classe après"),
  text("date_before", "Date before", "Date avant"),
  text("date_after", "Date after", "Date après"),
  number("changed_m2", "Changed area (m²)", "Surface changée (m²)", "m2"),
  number("gained_m2", "Gained (m²)", "Gagné (m²)", "m2"),
  number("lost_m2", "Lost (m²)", "Perdu (m²)", "m2"),
  whole("width_px", "Width (pixels)", "Largeur (pixels)"),
  whole("vote_class", "Vote of the classes", "Vote des classes"),
  whole("vote_image", "Vote of the images", "Vote des images"),
  whole("vote_width", "Vote of the width", "Vote de la largeur"),
  whole("vote_confidence", "Vote of the confidences", "Vote des confiances"),
  number("confidence_before", "Confidence before", "Confiance avant"),
  number("confidence_after", "Confidence after", "Confiance après"),
  whole("flicker", "Changes back", "Retour en arrière"),
];

/** Square number `i`, with its columns. */
function feature(i, isChange) {
  const [column, row] = [i % ACROSS, Math.floor(i / ACROSS)];
  const [west, north] = [WEST + column * SIDE, NORTH - row * SIDE];
  const [east, south] = [west + SIDE, north - SIDE];
  const item = CLASSES[(column * 7 + row * 3) % CLASSES.length];
  const from = CLASSES[(column + row) % CLASSES.length];
  const properties = {
    id: createHash("md5").update(`${isChange} ${i}`).digest("hex"),
    class_id: item.id,
    class_name: item.name.en,
    score: i % 23 === 0 ? null : Math.round(1e4 * (0.2 + 0.8 * ((i * 37) % 101) / 101)) / 1e4,
    area_m2: 100 + ((i * 7919) % 5000) / 10,
    pixels_area_m2: 100,
    run_id: isChange ? "change-test" : "run-test",
    model_id: "land-cover",
    model_sha256: "ab".repeat(32),
    scene_ids: isChange ? "before-1,after-1" : i % 2 === 0 ? "#0-1" : "tile-1",
    acquired: "2024-07-14",
    state: "not_verified",
  };
  const event = {
    kind: KINDS[i % KINDS.length],
    from_class: from.name.en,
    to_class: item.name.en,
    date_before: "2021-06-30",
    date_after: "2024-07-14",
    changed_m2: properties.area_m2,
    gained_m2: properties.area_m2,
    lost_m2: 0,
    width_px: 3 + (i % 9),
    vote_class: 1,
    vote_image: 1,
    vote_width: 1,
    vote_confidence: i % 3 === 0 ? null : i % 2,
    confidence_before: i % 3 === 0 ? null : 0.61,
    confidence_after: i % 3 === 0 ? null : 0.72,
    flicker: i % 11 === 0 ? 1 : 0,
  };
  const ring = [[west, south], [east, south], [east, north], [west, north], [west, south]];
  return {
    type: "Feature",
    geometry: { type: "Polygon", coordinates: [ring] },
    properties: isChange ? { ...properties, ...event } : properties,
    bbox: { xmin: west, ymin: south, xmax: east, ymax: north },
  };
}

/** A zstd frame whose blocks are stored as they are. */
function zstdFrame(bytes) {
  const parts = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0]), Buffer.alloc(4)];
  parts[1].writeUInt32LE(bytes.length);
  const most = 1 << 17;
  for (let at = 0; at < bytes.length || at === 0; at += most) {
    const block = bytes.subarray(at, at + most);
    const isLast = at + most >= bytes.length ? 1 : 0;
    const head = (block.length << 3) | isLast;
    parts.push(Buffer.from([head & 255, (head >> 8) & 255, head >> 16]), block);
  }
  return Buffer.concat(parts);
}

/** The features as a Parquet file like those of the program: in zstd, in row groups, with boxes. */
function parquet(features, columns) {
  const types = { string: "STRING", number: "DOUBLE", integer: "INT64" };
  const data = (field) => {
    const value = (feature) => feature.properties[field.name] ?? null;
    const values = features.map(value);
    return field.type === "integer" ? values.map((value) => (value === null ? null : BigInt(value))) : values;
  };
  const columnData = columns.map((field) => ({ name: field.name, data: data(field), type: types[field.type], nullable: true }));
  const sides = ["xmin", "ymin", "xmax", "ymax"];
  const physical = { STRING: "BYTE_ARRAY", DOUBLE: "DOUBLE", INT64: "INT64" };
  const element = ({ name, type }) => ({
    name,
    type: physical[type],
    repetition_type: "OPTIONAL",
    ...(type === "STRING" ? { converted_type: "UTF8" } : {}),
  });
  const schema = [
    { name: "root", num_children: columns.length + 1 },
    ...columnData.map(element),
    { name: "bbox", num_children: 4, repetition_type: "REQUIRED" },
    ...sides.map((name) => ({ name, type: "DOUBLE", repetition_type: "REQUIRED" })),
  ];
  const written = [...columnData.map(({ name, data }) => ({ name, data })), { name: "bbox", data: features.map((feature) => feature.bbox) }];
  const compressors = { ZSTD: (bytes) => zstdFrame(bytes) };
  return Buffer.from(parquetWriteBuffer({ columnData: written, schema, codec: "ZSTD", compressors, rowGroupSize: 200 }));
}

/** The page of facts, by the crate that the program uses. */
export const render = (facts) => rendered([], JSON.stringify(facts));

/** The page at the address of an output. */
export const entry = () => rendered(["--", "entry"], "");

function rendered(more, input) {
  const arguments_ = ["run", "--quiet", "--locked", "--package", "arpent-viewer", "--example", "page", ...more];
  const made = spawnSync("cargo", arguments_, { cwd: root, input, maxBuffer: 1 << 26 });
  if (made.status !== 0) throw new Error(`cargo ${arguments_.join(" ")}: ${made.stderr}`);
  return made.stdout;
}

function counted(features, name) {
  const counts = new Map();
  for (const { properties } of features) counts.set(properties[name], (counts.get(properties[name]) ?? 0) + 1);
  return counts;
}

/** Columns of zones, in the table and in the tiles. */
const ZONE_COLUMNS = [text("zone_id", "Zone", "Zone"), text("zone_type", "Type of zone", "Type de zone"), number("area_m2", "Area (m²)", "Surface (m²)", "m2")];
/** The west and the east half of the squares as zones of one level, all of them as one of another; and the last without a place. */
export const ZONES = [
  { zone_id: 'Zone, <b>"A"</b>', zone_type: "commune", area_m2: 120.5, from: 0, to: ACROSS / 2 },
  { zone_id: "B", zone_type: "commune", area_m2: 640, from: ACROSS / 2, to: ACROSS },
  { zone_id: "C", zone_type: "epci", area_m2: 9, from: 0, to: ACROSS },
  { zone_id: "D", zone_type: "commune", area_m2: null, from: 0, to: 0 },
];

const csvOfZone = (zone) => `"${zone.zone_id.replaceAll('"', '""')}",${zone.zone_type},${zone.area_m2 ?? ""}\n`;

function zoneTiles(hasLevels, extent) {
  const zone = ({ zone_id, zone_type, area_m2, from, to }) => {
    const [west, east, south] = [WEST + from * SIDE, WEST + to * SIDE, NORTH - ACROSS * SIDE];
    const ring = [[west, south], [east, south], [east, NORTH], [west, NORTH], [west, south]];
    return { type: "Feature", geometry: { type: "Polygon", coordinates: [ring] }, properties: { zone_id, ...(hasLevels ? { zone_type } : {}), area_m2 } };
  };
  const drawn = ZONES.filter((item) => item.to > item.from && (hasLevels || item.zone_type === "commune"));
  return archive({ features: { type: "FeatureCollection", features: drawn.map(zone) } }, 14, extent);
}

/** Writes an output to a folder: tiles, table, zones, and the page; returns its facts and features. */
export function output(folder, kind, more = {}) {
  mkdirSync(folder, { recursive: true });
  const isChange = kind === "change";
  const features = Array.from({ length: 900 }, (_, i) => feature(i, isChange));
  const extent = [WEST, NORTH - 30 * SIDE, WEST + ACROSS * SIDE, NORTH];
  const columns = isChange ? [...COLUMNS, ...EVENT_COLUMNS] : COLUMNS;
  const name = isChange ? "events" : "features";
  const points = features.filter((_, i) => i % 50 === 0).map(({ properties, bbox }) => ({
    type: "Feature",
    geometry: { type: "Point", coordinates: [(bbox.xmin + bbox.xmax) / 2, (bbox.ymin + bbox.ymax) / 2] },
    // As a point that stands for several features: columns of the class only.
    properties: { class_id: properties.class_id, class_name: properties.class_name, count: 5, area_m2: 321 },
  }));
  const collection = (features) => ({ type: "FeatureCollection", features });
  const files = {
    [`${name}.pmtiles`]: archive({ features: collection(features), points: collection(points) }, 14, extent),
    [`${name}.parquet`]: parquet(features, columns),
    "artificialisation.csv": Buffer.from(`zone_id,zone_type,area_m2\n${ZONES.map(csvOfZone).join("")}`),
  };
  files["zones.pmtiles"] = zoneTiles(isChange, extent);
  for (const [date, color] of Object.entries(isChange ? IMAGERY : {})) files[`imagery-${date}.pmtiles`] = pictures(color, 13, extent);
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(folder, file), bytes);
  const file = (href, role) => ({ href, role, media_type: "application/octet-stream", size: files[href].length });
  const classes = counted(features, isChange ? "to_class" : "class_name");
  const kinds = counted(features, "kind");
  const facts = {
    kind,
    language: "en",
    title: isChange ? "Changes in Arpentville" : `Land cover of Arpentville`,
    run_id: isChange ? "change-test" : "run-test",
    software: "arpent 0.1.0",
    model: isChange ? null : { id: "land-cover", version: "1.2.0", sha256: "ab".repeat(32), license: "CC0-1.0" },
    before: isChange ? "2021-06-30" : "2024-07-14",
    after: isChange ? "2024-07-14" : null,
    scenes: isChange
      ? [{ id: "before-1", acquired: "2021-06-30", date: "before" }, { id: "after-1", acquired: "2024-07-14", date: "after" }]
      : [{ id: "tile-0", acquired: "2024-07-14", date: null }, { id: "tile-1", acquired: null, date: null }],
    warnings: [{ code: "test", subject: "tile-1", message: `one ${HOSTILE} warning`, hint: null }],
    attribution: "© Arpentville <2024>",
    license: "Etalab-2.0",
    classes: [
      { id: 0, name: { en: "other", fr: "autre" }, code: null, color: "#808080", features: null, legend: false },
      ...CLASSES.map((item) => ({ ...item, features: classes.get(item.name.en) ?? 0, legend: true })),
    ],
    kinds: isChange ? KINDS.map((name) => ({ name, features: kinds.get(name) ?? 0 })) : [],
    states: [],
    unscored: { overrides: false, ranges: false, undecided: null },
    columns,
    features: features.length,
    tiles: file(`${name}.pmtiles`, name),
    table: file(`${name}.parquet`, name),
    imagery: more.withImagery ? Object.keys(IMAGERY).map((date) => ({ file: file(`imagery-${date}.pmtiles`, "imagery"), date })) : [],
    zones: isChange
      ? [
          {
            file: file("artificialisation.csv", "balance"),
            title: { en: "Balance of zones", fr: "Bilan par zone" },
            columns: ZONE_COLUMNS,
          },
        ]
      : [],
    zone_map: isChange
      ? {
          file: file("zones.pmtiles", "zones"),
          columns: ZONE_COLUMNS,
          id: "zone_id",
          level: "zone_type",
          levels: ["commune", "epci"],
          figures: [{ column: "area_m2", breaks: [200, 500] }],
          color: null,
        }
      : null,
    pictures: [],
    rules: isChange ? { width_px: 1.2, min_area_m2: 50, min_confidence: null } : null,
    files: Object.keys(files).filter((href) => isChange || !["artificialisation.csv", "zones.pmtiles"].includes(href)).map((href) => file(href, name)),
    extent,
    places: {
      bbox: extent,
      columns: 2,
      rows: 2,
      points: [[extent[0], extent[1]], [extent[2], extent[1]], [extent[0], extent[3]], [extent[2], extent[3]]],
    },
    ...(typeof more === "function" ? more({ sizes: Object.fromEntries(Object.entries(files).map(([href, bytes]) => [href, bytes.length])) }) : more),
  };
  writeFileSync(join(folder, "index.html"), render(facts));
  return { facts, features, folder };
}

/** What differs for zonal statistics: zones of one level, and no features. */
export function zonal() {
  const file = (href, size) => ({ href, role: "zones", media_type: "application/octet-stream", size });
  return ({ sizes }) => ({
    kind: "zonal",
    title: "Parcels of Arpentville",
    tiles: null,
    table: null,
    features: 3,
    columns: ZONE_COLUMNS,
    zones: [{ file: file("artificialisation.csv", sizes["artificialisation.csv"]), title: { en: "Zones", fr: "Zones" }, columns: ZONE_COLUMNS }],
    zone_map: {
      file: file("zones.pmtiles", sizes["zones.pmtiles"]),
      columns: ZONE_COLUMNS,
      id: "zone_id",
      level: null,
      levels: [],
      figures: [{ column: "area_m2", breaks: [200, 500] }],
      color: "area_m2",
    },
    classes: [],
    files: [],
  });
}
