// Functions of the page that need no browser.
import assert from "node:assert/strict";
import { build } from "esbuild";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

/** The exports of a source file of the page. */
async function load(name) {
  const options = { entryPoints: [join(here, "../src", name)], bundle: true, format: "esm", write: false, platform: "browser" };
  const { outputFiles } = await build(options);
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}

const { lonLat } = await load("facts.ts");
const { csvLine, csvLines, CsvRows } = await load("rows.ts");
const { read, written } = await load("state.ts");
const { figureColors } = await load("style.ts");
const { scenesOf, whyUnscored } = await load("details.ts");

test("a place is interpolated in its cell of the lattice", () => {
  const columns = 5;
  const rows = 3;
  const points = [];
  // Bilinear in each cell, bent between cells.
  const at = (x, y) => [2 + x / 100 + (x * y) / 1e4, 48 + y / 100];
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) points.push(at(column * 10, row * 20));
  const lattice = { bbox: [0, 0, 40, 40], columns, rows, points };
  for (const [x, y] of [[0, 0], [40, 40], [13, 7], [39.9, 20], [20, 33]]) {
    const [longitude, latitude] = lonLat(lattice, x, y);
    assert.ok(Math.abs(longitude - at(x, y)[0]) < 1e-12 && Math.abs(latitude - at(x, y)[1]) < 1e-12, `${x} ${y}`);
  }
});

test("lines of a CSV file come back as they were", () => {
  const cells = ["plain", 'quotes "and" more', "comma, line\r\nbreak", "", "🌳"];
  assert.deepEqual(csvLines(csvLine(cells)), [cells]);
  assert.deepEqual(csvLines("\ufeffa,b\n1,\n"), [["a", "b"], ["1", ""]]);
  assert.deepEqual(csvLines('a\n"x\ny"'), [["a"], ["x\ny"]]);
});

test("a text that a spreadsheet would run is written as a text, a negative number as a number", () => {
  assert.equal(csvLine(["=HYPERLINK(1)", "+1", "@x", -5, null]), "'=HYPERLINK(1),'+1,'@x,-5,\r\n");
});

test("numbers of a CSV file are those that its schema has", async () => {
  const rows = CsvRows.parse("zone_id,area\n007,12.5\n008,\n", [{ name: "area", type: "number", title: "Area", "title:fr": "Surface" }]);
  assert.deepEqual(await rows.cells([0, 1], ["zone_id", "area"]), [["007", 12.5], ["008", null]]);
});

const facts = {
  kind: "change",
  language: "fr",
  classes: [{ id: 1, legend: true }, { id: 7, legend: true }, { id: 0, legend: false }],
  kinds: [{ name: "grown" }],
  states: [{ name: "disputed" }],
  zones: [],
  imagery: [],
  zone_map: { id: "id", level: "type", levels: ["commune", "epci"], columns: [], figures: [{ column: "net", breaks: [1] }], color: "net" },
  tiles: { href: "events.pmtiles" },
};

test("a link holds what is shown", () => {
  const shown = {
    language: "en",
    tab: "table",
    view: { longitude: 2.345678, latitude: -48.5, zoom: 12.25 },
    hiddenClasses: new Set([7]),
    hiddenKinds: new Set(["grown"]),
    hiddenStates: new Set(["disputed"]),
    score: 0.35,
    selected: "ab12",
    swipe: 0.25,
    patterns: true,
    imagery: false,
    opacity: 0.35,
    date: "before",
    zones: false,
    level: 1,
    figure: null,
    zone: 'A & "b"',
  };
  assert.deepEqual(read(`#${written(shown, facts)}`, facts), shown);
});

test("a fresh page has an empty link", () => {
  assert.equal(written(read("", facts), facts), "");
});

test("what a link names and the page does not have is ignored", () => {
  const link = "#view=NaN,1,2&tab=zones&lang=xx&hide=9,1,x,0&hide-kinds=moved&hide-states=illegal&score=7&feature=%3Cb%3E&swipe=2&patterns=yes&imagery=no&opacity=9&level=7&figure=x&date=now";
  const shown = read(link, facts);
  assert.deepEqual([...shown.hiddenClasses], [1]);
  assert.equal(shown.hiddenKinds.size, 0);
  assert.equal(shown.hiddenStates.size, 0);
  const { imagery, opacity, level, figure, date } = shown;
  assert.deepEqual({ imagery, opacity, level, figure, date }, { imagery: true, opacity: 1, level: 0, figure: "net", date: "after" });
  const { language, tab, view, score, selected, swipe, patterns } = shown;
  assert.deepEqual({ language, tab, view, score, selected, swipe, patterns }, { language: "fr", tab: "map", view: null, score: 0, selected: null, swipe: null, patterns: false });
});

test("groups of a figure have ordered colors, the first and the last of the scale", () => {
  const colors = (count) => figureColors({ column: "net", breaks: Array.from({ length: count - 1 }, (_, i) => i) });
  for (let count = 2; count <= 5; count++) {
    const found = colors(count);
    assert.equal(new Set(found).size, count);
    assert.deepEqual([found[0], found.at(-1)], ["#ffffcc", "#253494"]);
  }
});

test("scenes of a feature are named or numbered", () => {
  const scenes = ["a", "b", "c", "d"].map((id) => ({ id, acquired: null, date: null }));
  const ids = (text) => scenesOf(text, scenes).map((scene) => scene.id);
  assert.deepEqual(ids("b,x"), ["b", "x"]);
  assert.deepEqual(ids("#0-1,3"), ["a", "b", "d"]);
  assert.deepEqual(ids(""), []);
});

test("a feature without a score is one of a reference layer only where a layer gives classes", () => {
  const why = (unscored, record) => whyUnscored({ unscored: { overrides: false, ranges: false, undecided: null, ...unscored } }, record);
  const undecided = { class: "undecided", max_risk: 0.05 };
  assert.equal(why({}, { class_name: "road" }), "why_no_score");
  assert.equal(why({ overrides: true }, { class_name: "road" }), "why_reference");
  assert.equal(why({ undecided }, { class_name: "undecided" }), "why_undecided");
  assert.equal(why({ undecided, overrides: true }, { class_name: "road" }), "why_reference");
  // A person gave it a class.
  assert.equal(why({ undecided }, { class_name: "road", proposed_class: "undecided" }), "why_undecided");
  assert.equal(why({ undecided }, { class_name: "undecided", proposed_class: null }), "why_undecided");
  assert.equal(why({ ranges: true }, { class_name: "2 to 5 m" }), "why_range");
  assert.equal(why({ ranges: true, overrides: true }, { class_name: "2 to 5 m" }), "why_range_or_reference");
});
