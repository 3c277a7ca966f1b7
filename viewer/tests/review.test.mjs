// A review in headless Chromium, with the keyboard only, on the server that `arpent review serve` is.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromiumPath, drawn, open, start } from "./browser.mjs";
import { HOSTILE, output } from "./fixture.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const arpent = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/arpent");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const required = (process.env.ARPENT_TESTS_REQUIRE ?? "").split(",").includes("chromium");
const missing = !chromiumPath ? "chromium is not installed (scripts/setup.sh --test)" : !existsSync(arpent) ? "arpent is not built (cargo build --workspace)" : false;
const skip = required ? false : missing;
const folder = mkdtempSync(join(tmpdir(), "review-"));
const PERSON = [`Zoé ${HOSTILE.trim()}`, "juriste <i>", "DDTM 13 🌳"];
const TASKS = 10;
let [browser, map] = [];

/** An output of the program's form: the files of the page, and features that the program reads. */
function published(name, kind, more) {
  const made = output(join(folder, name, "a1"), kind, more);
  const collection = { type: "FeatureCollection", features: made.features.map(({ bbox, ...feature }) => feature) };
  const layer = kind === "change" ? "events" : "features";
  writeFileSync(join(folder, name, "a1", `${layer}.geojson`), JSON.stringify(collection));
  const [west, south, east, north] = made.facts.extent;
  const pixels = 300;
  const place = { "proj:code": "EPSG:4326", "proj:transform": [(east - west) / pixels, 0, west, 0, (south - north) / pixels, north], "proj:shape": [pixels, pixels] };
  writeFileSync(join(folder, name, "a1", "item.json"), JSON.stringify({ properties: place }));
  const artifact = (file) => {
    const bytes = readFileSync(join(folder, name, "a1", file));
    const role = file.startsWith(layer) ? layer : file === "index.html" ? "viewer" : "metadata";
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { href: `a1/${file}`, role, media_type: "application/octet-stream", size: bytes.length, sha256 };
  };
  const manifest = {
    format: "arpent-run/1",
    run_id: made.facts.run_id,
    created: "2026-11-29T12:00:00Z",
    attempt: "a1",
    software: { arpent: "0.1.0" },
    inputs: made.facts.scenes.map(({ id }) => ({ id, uri: `https://example.org/${id}.tif` })),
    failed_inputs: [],
    model: { id: "", version: "", sha256: "", license: "" },
    config: {},
    counts: { features_per_class: { building: 1, water: 1, deciduous: 1 } },
    timings_s: {},
    artifacts: readdirSync(join(folder, name, "a1")).map(artifact),
  };
  writeFileSync(join(folder, name, "manifest.json"), JSON.stringify(manifest));
  run("review", "new", name, "--name", "first");
  return made;
}

function run(...words) {
  const ended = spawnSync(arpent, words, { cwd: folder, encoding: "utf8" });
  assert.equal(ended.status, 0, `arpent ${words.join(" ")}: ${ended.stderr}`);
  return ended.stdout;
}

const named = ([name, job, organization]) => ["--person", name, "--function", job, "--organization", organization];

/** Starts a server of a review; `url` is what it prints. */
async function serve(name, person, ...more) {
  const child = spawn(arpent, ["review", "serve", name, ...named(person), ...more, "--format", "json"], { cwd: folder });
  let printed = "";
  for await (const part of child.stdout) {
    printed += part;
    if (printed.trimEnd().endsWith("}")) break;
  }
  return { url: JSON.parse(printed).url, end: () => child.kill() };
}

/** The decisions of a review, by time. */
function decisions(name) {
  const at = join(folder, name, "reviews/first/decisions");
  const read = (file) => ({ id: file.replace(".json", ""), ...JSON.parse(readFileSync(join(at, file), "utf8")).statement });
  return readdirSync(at).map(read).sort((a, b) => (a.time < b.time ? -1 : 1));
}

before(async () => {
  if (skip) return;
  browser = await start();
  map = published("map", "map");
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

const text = (page, selector) => page.locator(selector).textContent();

/** Waits until so many features are decided. */
const decided = (page, count) => page.waitForFunction((count) => document.querySelector("#review-progress")?.value === count && document.querySelector("#review").ariaBusy === "false", count);
/** Waits until a place of the queue is shown. */
const atPlace = (page, n) =>
  page.waitForFunction((n) => {
    const isThere = new RegExp(`^(Number|Numéro)\\s${n}\\s`).test(document.querySelector("#review-place")?.textContent ?? "");
    return isThere && document.querySelector("#review").ariaBusy === "false";
  }, n);

async function accessible(page) {
  await page.context().newCDPSession(page).then((session) => session.send("Page.setBypassCSP", { enabled: true }));
  await page.reload();
  await page.waitForSelector("#review-place");
  await drawn(page);
  await hasNoViolation(page);
}

/** In both languages. */
async function hasNoViolation(page) {
  for (const language of ["en", "fr"]) {
    await page.click(`#lang-${language}`);
    const found = await page.evaluate(async (axe) => {
      if (!window.axe) new Function(axe)();
      const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
    }, axe);
    assert.deepEqual(found, [], language);
  }
}

test("ten tasks are decided with the keyboard, one is undone, and the log has exactly that", { skip, timeout: 240_000 }, async () => {
  const ids = map.features.slice(0, 600).filter((_, i) => i % 60 === 7).map((feature) => feature.properties.id);
  const rows = ids.map((id, i) => `Zoé,s,${i + 1},${id},random,0.1\n`);
  writeFileSync(join(folder, "tasks.csv"), `reviewer,sample,order,feature,why,probability\n${rows.join("")}`);
  run("review", "add", "map", "--feature", ids[3], "--verdict", "invalidated", "--comment", HOSTILE, ...named(["Ben", "agent", "IGN"]));
  const server = await serve("map", PERSON, "--tasks", "tasks.csv");
  const page = await open(browser, server.url);
  try {
    await drawn(page);
    await atPlace(page, 1);
    assert.doesNotMatch(page.url(), /review=/);
    assert.ok((await text(page, "#review")).includes(PERSON[0]), "a name is text");
    assert.match(page.url(), new RegExp(`feature=${ids[0]}`));
    // The feature is at the center, as large as its surroundings allow to be judged.
    const { bbox } = map.features.find((feature) => feature.properties.id === ids[0]);
    await page.waitForFunction(([west, east]) => {
      const longitude = Number(/view=([-\d.]+)/.exec(location.hash)?.[1]);
      return longitude > west && longitude < east;
    }, [bbox.xmin, bbox.xmax]);
    const press = (key) => page.keyboard.press(key);
    await press("1");
    await decided(page, 1);
    // A comment with markup and emoji, in a field where digits are text.
    await press("c");
    await page.keyboard.type(`1 <img src=x onerror=alert(1)> & 🌳`);
    await press("Escape");
    await press("r");
    await page.keyboard.type("Hidden");
    await press("Escape");
    await press("3");
    await decided(page, 2);
    await press("2");
    await decided(page, 3);
    // A correction of the class.
    assert.match(await text(page, "#review .others"), /shown after your verdict/);
    assert.ok(!(await text(page, "#review")).includes("Ben"));
    await press("k");
    await page.keyboard.type("water");
    await press("Escape");
    await press("1");
    await decided(page, 4);
    // What another one said is shown now: back to it, and on again.
    await press("b");
    await atPlace(page, 4);
    await page.waitForFunction(() => document.querySelectorAll("#review .decisions li").length === 2);
    assert.ok((await text(page, "#review .decisions")).includes(HOSTILE));
    await press("s");
    await atPlace(page, 5);
    await press("4");
    await decided(page, 5);
    await press("u");
    await decided(page, 4);
    await atPlace(page, 5);
    await press("5");
    await decided(page, 5);
    // Skipped: it comes last.
    await press("s");
    await atPlace(page, 7);
    for (const [count, key] of [[6, "1"], [7, "2"], [8, "1"], [9, "1"]]) {
      await press(key);
      await decided(page, count);
    }
    await atPlace(page, 6);
    await press("x");
    assert.match(await text(page, "#review [role=alert]"), /contest has its grounds/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "review-comment");
    await press("Escape");
    await press("5");
    await decided(page, 10);
    assert.match(await text(page, "#review"), /Everything in your queue is decided/);
    assert.match(await text(page, "#review-done"), /median [\d.]+ s per decision/);
    assert.equal(await page.locator("img").count(), 0);
    assert.deepEqual(page.off, []);
    assert.deepEqual(page.errors, []);
  } finally {
    await page.context().close();
    server.end();
  }
  const made = decisions("map").filter((one) => one.person.name === PERSON[0]);
  const verdicts = (id) => made.filter((one) => one.feature === id).map((one) => one.verdict);
  const expected = ["confirmed", "suspect", "invalidated", "confirmed", null, "legitimate", "confirmed", "invalidated", "confirmed", "confirmed"];
  for (const [i, verdict] of expected.entries()) if (verdict !== null) assert.deepEqual(verdicts(ids[i]), [verdict], `task ${i + 1}`);
  assert.deepEqual(verdicts(ids[4]), ["illegal", "not_verified", "legitimate"], "undo is a new decision");
  assert.equal(made.length, TASKS + 2);
  const of = (i) => made.filter((one) => one.feature === ids[i]);
  assert.deepEqual([of(1)[0].comment, of(1)[0].reason], ["1 <img src=x onerror=alert(1)> & 🌳", "hidden"]);
  assert.equal(of(3)[0].class, "water");
  assert.equal(of(4)[1].comment, `Undo of decision ${of(4)[0].id}`);
  assert.deepEqual(of(4)[1].previous, [of(4)[0].id]);
  assert.ok(made.every((one) => one.task?.sample === "s" && one.person.function === PERSON[1]), "each is the task's");
  assert.ok(made.filter((one) => one.verdict !== "not_verified").every((one) => one.duration_ms >= 0 && one.duration_ms < 60_000));
  assert.match(run("review", "verify", "map"), /intact/);
});

test("what another one decides meanwhile is shown before it is decided again, in French", { skip, timeout: 120_000 }, async () => {
  published("change", "change", { withImagery: true });
  const server = await serve("change", ["Ana Roux", "instructrice", "DDTM 13"]);
  const page = await open(browser, server.url);
  try {
    await atPlace(page, 1);
    const id = /feature=([0-9a-f]+)/.exec(page.url())[1];
    await page.click("#lang-fr");
    assert.match(await text(page, "#review"), /1 sur 900|Numéro 1/);
    // Not by the question that the page asks now and then.
    await page.route("**/review/feature*", (route) => route.abort());
    run("review", "add", "change", "--feature", id, "--verdict", "illegal", ...named(["Ben", "agent", "IGN"]));
    await page.keyboard.press("2");
    await page.waitForFunction(() => /Ben, agent, IGN/.test(document.querySelector("#review .decisions")?.textContent ?? ""));
    await page.unroute("**/review/feature*");
    assert.match(await text(page, "#review [role=alert]"), /d'autres ont décidé/);
    // Contested by the person who sees it now, and answered.
    await page.keyboard.press("c");
    await page.keyboard.type("Autorisation au dossier");
    await page.keyboard.press("Escape");
    await page.keyboard.press("x");
    await atPlace(page, 2);
    await page.keyboard.press("b");
    await page.waitForFunction(() => /contesté/.test(document.querySelector("#review-place")?.textContent ?? ""));
    await page.keyboard.press("c");
    await page.keyboard.type("Vérifié");
    await page.keyboard.press("Escape");
    await page.keyboard.press("5");
    await decided(page, 1);
    // A feature that is chosen on the map is the one that is decided.
    const queued = await text(page, "#review-place");
    await page.locator(".map-frame canvas").first().focus();
    // The map moves with an animation, and a point that stands for several features is none of them.
    for (let i = 0; i < 12 && (await text(page, "#review-place")) === queued; i++) {
      await page.keyboard.press("ArrowRight");
      await page.waitForTimeout(800);
      await page.keyboard.press("Enter");
      await page.waitForTimeout(400);
      await page.locator(".map-frame canvas").first().focus();
    }
    assert.notEqual(await text(page, "#review-place"), queued);
    await accessible(page);
    // Without shortcuts, a key does nothing.
    await page.uncheck("#review-keys");
    await page.evaluate(() => document.querySelector("#review").focus());
    await page.keyboard.press("1");
    await page.waitForTimeout(300);
  } finally {
    await page.context().close();
    server.end();
  }
  const made = decisions("change");
  assert.deepEqual(made.map((one) => [one.person.name, one.kind, one.verdict ?? null]), [
    ["Ben", "verdict", "illegal"],
    ["Ana Roux", "contest", null],
    ["Ana Roux", "answer", "legitimate"],
  ]);
  assert.deepEqual(made[2].scenes, ["https://example.org/before-1.tif", "https://example.org/after-1.tif"]);
});

/** Where a place is on the screen, by the view in the address. */
async function screen(page, [longitude, latitude]) {
  const [x, y, zoom] = /view=([-\d.]+),([-\d.]+),([\d.]+)/.exec(decodeURIComponent(page.url())).slice(1).map(Number);
  const box = await page.locator(".map-frame canvas").first().boundingBox();
  const mercator = (degrees) => Math.log(Math.tan(Math.PI / 4 + (degrees * Math.PI) / 360)) * (180 / Math.PI);
  const scale = (512 * 2 ** zoom) / 360;
  return [box.x + box.width / 2 + (longitude - x) * scale, box.y + box.height / 2 - (mercator(latitude) - mercator(y)) * scale];
}

test("an outline is corrected with the keyboard, drawn anew with the pointer, and undone", { skip, timeout: 240_000 }, async () => {
  const drawnMap = published("outlines", "map");
  const server = await serve("outlines", PERSON);
  const page = await open(browser, server.url);
  const status = () => text(page, "#review-outline-status");
  const trouble = () => page.locator("#review-outline-trouble:not([hidden])").textContent({ timeout: 2_000 });
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const drawing = () => page.waitForSelector("#review-outline-status");
  try {
    await drawn(page);
    await atPlace(page, 1);
    const id = /feature=([0-9a-f]+)/.exec(page.url())[1];
    const { bbox } = drawnMap.features.find((feature) => feature.properties.id === id);
    await press("o");
    await drawing();
    assert.match(await status(), /^Point 1 of 4 · [\d,.]+\sm²$/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "review-outline-panel");
    // Verdicts wait until the outline is kept or discarded.
    await press("1");
    assert.match(await text(page, "#review > [role=alert]"), /Keep or discard/);
    await press("n", "a");
    assert.match(await status(), /^Point 3 of 5/);
    const whole = await status();
    await press("Shift+ArrowRight", "Shift+ArrowRight", "ArrowRight");
    assert.notEqual(await status(), whole, "the area is another one");
    await press("Delete");
    assert.match(await status(), /^Point 3 of 4/);
    await press("z");
    assert.match(await status(), /^Point 3 of 5/);
    // Far to the left, it crosses the other side: it cannot be kept.
    for (let i = 0; i < 60; i++) await press("Shift+ArrowLeft");
    assert.match(await trouble(), /crosses or touches itself/);
    await press("Enter");
    assert.match(await trouble(), /crosses or touches itself/);
    await press("z", "Enter");
    assert.match(await text(page, "#review-outline-what"), /drawn: 6 points, [\d,.]+\sm²; saved with the verdict/);
    await press("2");
    assert.match(await text(page, "#review [role=alert]"), /outline requires a verdict/);
    // It waits while another feature is looked at.
    await press("s");
    await atPlace(page, 2);
    assert.match(await text(page, "#review-outline-what"), /as proposed/);
    await press("b");
    await atPlace(page, 1);
    await press("1");
    await decided(page, 1);
    await press("b");
    await atPlace(page, 1);
    assert.match(await text(page, "#review .decisions"), /outline corrected/);
    assert.match(await text(page, "#review-outline-what"), /as decided/);
    if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, "outline-decided.png") });
    await press("u");
    await decided(page, 0);

    // With the pointer: a corner is dragged, and a triangle drawn in its place.
    await press("o");
    await drawing();
    await page.waitForTimeout(500);
    const [x, y] = await screen(page, [bbox.xmax, bbox.ymin]);
    // Released where the page has no pointer, the point stays where it was left.
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 20, y, { steps: 3 });
    const left = await status();
    const canvas = page.locator(".map-frame canvas").first();
    await canvas.dispatchEvent("mousemove", { clientX: x + 60, clientY: y + 60, buttons: 0, bubbles: true });
    await canvas.dispatchEvent("mousemove", { clientX: x + 70, clientY: y + 70, buttons: 1, bubbles: true });
    assert.equal(await status(), left);
    await page.mouse.up();
    // Keys that remove a point are those of a button that has the focus.
    await page.locator("#outline-key-n").focus();
    await press("Delete", "Backspace");
    assert.match(await status(), /^Point 2 of 4/);
    await page.focus("#review-outline-panel");
    await press("z");
    assert.match(await status(), /of 4/);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 40, y + 30, { steps: 5 });
    await page.mouse.up();
    assert.match(await status(), /^Point 2 of 4/);
    if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, "outline-drawing.png") });
    await press("w");
    assert.match(await status(), /No point yet/);
    const corners = [[bbox.xmin, bbox.ymin], [bbox.xmax, bbox.ymin], [bbox.xmax, bbox.ymax]];
    for (const corner of [...corners, corners[0]]) {
      const [left, top] = await screen(page, corner);
      await page.mouse.click(left, top);
      await page.waitForTimeout(400);
    }
    assert.match(await status(), /^Point 1 of 3 · [\d,.]+\sm²$/, "closed at its first point");
    await press("Enter", "5");
    await decided(page, 1);
    await press("b");
    await atPlace(page, 1);
    // A touched field and buttons with Enter do what they say.
    await page.locator("#review-key-o").focus();
    await press("Enter");
    await drawing();
    await page.locator("#outline-key-escape").focus();
    await press("Enter");
    await page.waitForSelector("#review-outline-status", { state: "detached" });
    assert.deepEqual([page.off, page.errors], [[], []]);
    await accessible(page);
    await press("o");
    await drawing();
    await hasNoViolation(page);
    await page.click("#lang-fr");
    assert.match(await text(page, "#review-outline-panel"), /Sommet 1 sur \d+.*Échap/s);
  } finally {
    await page.context().close();
    server.end();
  }
  const made = decisions("outlines");
  assert.deepEqual(made.map((one) => [one.verdict, one.geometry?.coordinates[0].length ?? null]), [["confirmed", 6], ["not_verified", null], ["legitimate", 4]]);
  assert.match(run("review", "verify", "outlines"), /intact/);
});

test("an outline that was decided stays until another or the proposed one is chosen", { skip, timeout: 240_000 }, async () => {
  const made = published("stays", "map");
  const server = await serve("stays", PERSON);
  const page = await open(browser, server.url);
  const what = () => text(page, "#review-outline-what");
  const again = async () => {
    await decided(page, 1);
    await page.keyboard.press("b");
    await atPlace(page, 1);
  };
  let geometry;
  try {
    await drawn(page);
    await atPlace(page, 1);
    assert.equal(await page.locator("#review-outline-forget, #review-outline-restore").count(), 0);
    const id = /feature=([0-9a-f]+)/.exec(page.url())[1];
    const { xmin, ymin, xmax, ymax } = made.features.find((feature) => feature.properties.id === id).bbox;
    // Neither a polygon nor rounded as the page would write it: what is stated again must be the same opinion.
    const third = [xmin + (xmax - xmin) / 3, ymin + (ymax - ymin) / 3];
    geometry = { type: "MultiPolygon", coordinates: [[[[xmin, ymin], [xmax, ymin], third, [xmin, ymin]]]] };
    run("review", "add", "stays", "--feature", id, "--verdict", "confirmed", "--geometry", JSON.stringify(geometry), ...named(["Ana", "agent", "IGN"]));
    await page.waitForFunction(() => /as decided/.test(document.querySelector("#review-outline-what")?.textContent ?? ""), null, { timeout: 60_000 });
    await page.keyboard.press("1");
    await again();
    assert.match(await text(page, "#review-place"), /decided/);
    assert.match(await what(), /as decided/);
    // Looked at and not changed, nothing is drawn.
    await page.keyboard.press("o");
    await page.waitForSelector("#review-outline-status");
    await page.keyboard.press("Enter");
    assert.match(await what(), /as decided/);
    await page.keyboard.press("3");
    await again();
    // Neither does a contest remove it, nor its answer.
    await page.fill("#review-comment", "seen from the road");
    await page.keyboard.press("Escape");
    await page.keyboard.press("x");
    await page.waitForFunction(() => /contests/i.test(document.querySelector("#review .decisions")?.textContent ?? "") || document.querySelector("#review-progress")?.value === 0);
    await page.waitForFunction(() => document.querySelector("#review").ariaBusy === "false");
    if (!/^Number\s1\s/.test(await text(page, "#review-place"))) await page.keyboard.press("b");
    await atPlace(page, 1);
    assert.match(await what(), /as decided/);
    await page.fill("#review-comment", "visited");
    await page.keyboard.press("Escape");
    await page.keyboard.press("1");
    await again();
    // The proposed one only on request, which can be taken back.
    await page.click("#review-outline-forget");
    assert.match(await what(), /as proposed/);
    await page.click("#review-outline-restore");
    assert.match(await what(), /as decided/);
    await page.click("#review-outline-forget");
    await hasNoViolation(page);
    await page.click("#lang-en");
    await page.keyboard.press("5");
    await again();
    assert.match(await what(), /as proposed/);
    assert.deepEqual([page.off, page.errors], [[], []]);
  } finally {
    await page.context().close();
    server.end();
  }
  const all = decisions("stays").map((one) => [one.verdict ?? one.kind, one.geometry ?? null]);
  assert.deepEqual(all, [["confirmed", geometry], ["confirmed", geometry], ["suspect", geometry], ["contest", null], ["confirmed", geometry], ["legitimate", null]]);
});

test("a page without its token says what to do", { skip, timeout: 60_000 }, async () => {
  const server = await serve("map", PERSON);
  const page = await open(browser, server.url.replace(/#.*/, ""));
  try {
    await page.waitForFunction(() => /open the address that arpent review serve has printed/.test(document.querySelector("#review [role=alert]")?.textContent ?? ""));
  } finally {
    await page.context().close();
    server.end();
  }
});
