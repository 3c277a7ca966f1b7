// The page in headless Chromium: two outputs, served as a static host does.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromiumPath, drawn, open, start } from "./browser.mjs";
import { HOSTILE, IMAGERY, ZONES, output, zonal } from "./fixture.mjs";
import { serve } from "./server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const isRequired = (process.env.ARPENT_TESTS_REQUIRE ?? "").split(",").includes("chromium");
const skip = chromiumPath || isRequired ? false : "chromium is not installed (scripts/setup.sh --test)";
const folder = mkdtempSync(join(tmpdir(), "viewer-"));
let [browser, host, map, change] = [];

before(async () => {
  if (skip) return;
  map = output(join(folder, "map"), "map");
  change = output(join(folder, "change"), "change");
  host = await serve(folder);
  browser = await start();
});
after(async () => {
  await browser?.close();
  host?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A test of a page; every page is checked for errors and for requests to other hosts. */
function pageTest(name, kind, hash, run, options = {}) {
  test(name, { skip, timeout: 120_000 }, async () => {
    const page = await open(browser, `${host.origin}/${kind}/index.html${hash}`, options);
    try {
      await run(page);
      assert.deepEqual(page.off, [], "requests to other hosts");
      if (!options.expectErrors) assert.deepEqual(page.errors, []);
    } finally {
      await page.context().close();
    }
  });
}

/** The colors of the map at a place, as it is shown. */
async function pixel(page, x, y) {
  const png = (await page.screenshot({ clip: { x, y, width: 4, height: 4 } })).toString("base64");
  return page.evaluate(async (png) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const context = Object.assign(document.createElement("canvas"), { width: 4, height: 4 }).getContext("2d");
    context.drawImage(image, 0, 0);
    return [...context.getImageData(1, 1, 1, 1).data].slice(0, 3);
  }, png);
}

/** Number of distinct colors of the map. */
async function colors(page) {
  const box = await page.locator(".map-frame").boundingBox();
  const seen = new Set();
  for (let i = 0; i < 24; i++) seen.add(String(await pixel(page, box.x + box.width / 2 - 60 + 5 * i, box.y + box.height / 2 - 9)));
  return seen.size;
}

const rowsOf = (page) => page.$$eval(".panel.table tbody tr", (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));

/** Tries a check again until it holds: what a page does takes longer on a loaded machine. */
async function eventually(check) {
  for (const until = Date.now() + 15_000; ; ) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((wait) => setTimeout(wait, 60));
    }
  }
}
const status = (page) => page.locator(".panel.table .status").textContent();
const sorted = (values) => [...values].sort((a, b) => a - b);

/** Waits until the address of the page matches. */
async function linkHas(page, pattern) {
  const matches = (source) => new RegExp(source).test(location.href);
  await page.waitForFunction(matches, pattern.source, { timeout: 5000 });
}

async function openTable(page) {
  await page.click("#tab-table");
  await page.waitForSelector(".panel.table tbody tr");
}

pageTest("the map is drawn in the colors of its classes", "map", "", async (page) => {
  await drawn(page);
  assert.ok((await colors(page)) >= 4);
  assert.match(await page.title(), /Land cover of Arpentville/);
  assert.equal(await page.locator(".choices .swatch").count(), 5);
});

pageTest("filters of classes and scores hide features on the map and in the table", "map", "", async (page) => {
  await drawn(page);
  const before = await colors(page);
  await page.click("#classes-of-all-false");
  await eventually(async () => assert.equal(await colors(page), 1, "only the ground"));
  await page.locator(".choices input").nth(1).check();
  await eventually(async () => {
    const water = await colors(page);
    assert.ok(water > 1 && water < before);
  });
  await openTable(page);
  const expected = map.features.filter((f) => f.properties.class_name === "water");
  await eventually(async () => assert.match(await status(page), new RegExp(`^${expected.length} of 900 rows`)));
  await page.locator("#score").fill("0.6");
  await linkHas(page, /score=0\.6/);
  const passing = expected.filter((f) => f.properties.score === null || f.properties.score >= 0.6);
  await eventually(async () => assert.match(await status(page), new RegExp(`^${passing.length} of 900 rows`)));
  await page.getByRole("button", { name: "Reset filters" }).click();
  await eventually(async () => assert.match(await status(page), /^900 of 900 rows/));
});

pageTest("patterns say the same as colors", "map", "", async (page) => {
  await drawn(page);
  const plain = await colors(page);
  await page.check("#patterns");
  await eventually(async () => assert.ok((await colors(page)) > plain));
  await linkHas(page, /patterns=1/);
});

pageTest("a click shows a feature, its scenes and why it is there", "map", "", async (page) => {
  await drawn(page);
  await page.locator(".map-frame canvas").first().click({ position: { x: 490, y: 337 } });
  await page.waitForSelector("#details:not([hidden])");
  const text = await page.locator("#details").textContent();
  await linkHas(page, /feature=/);
  const id = new URLSearchParams(await page.evaluate(() => location.hash.slice(1))).get("feature");
  const feature = map.features.find((f) => f.properties.id === id);
  assert.ok(feature, "the link has an id of the output");
  const name = map.facts.classes.find((c) => c.id === feature.properties.class_id).name.en;
  for (const part of [name, "Not verified: a proposal", "land-cover 1.2.0", "14 Jul 2024", "tile-1"]) {
    assert.ok(text.includes(part), part);
  }
  await page.locator("#details summary").click();
  assert.ok((await page.locator("#details .attributes").textContent()).includes(id));
});

pageTest("a point that stands for several features says so", "map", "", async (page) => {
  await drawn(page);
  await page.mouse.click(593, 163);
  await page.waitForSelector("#details:not([hidden])");
  const text = await page.locator("#details").textContent();
  assert.match(text, /building.*5 features are one point at this zoom.*321/);
  assert.doesNotMatch(await page.evaluate(() => location.hash), /feature=/);
});

pageTest("an event says what it was checked for", "change", "", async (page) => {
  await drawn(page);
  await page.locator(".map-frame canvas").first().click({ position: { x: 491, y: 337 } });
  await page.waitForSelector("#details:not([hidden])");
  await linkHas(page, /feature=/);
  const id = new URLSearchParams(await page.evaluate(() => location.hash.slice(1))).get("feature");
  const event = change.features.find((f) => f.properties.id === id).properties;
  assert.equal(await page.locator("#details .gates li").count(), 5);
  const text = await page.locator("#details").textContent();
  for (const part of ["more than 1.2 are required", `${event.width_px} pixels wide`, "areas below 50", "30 Jun 2021"]) {
    assert.ok(text.includes(part), part);
  }
  const vote = await page.locator("#details .gates li").last().getAttribute("class");
  assert.equal(vote, { null: "no_vote", 1: "passed", 0: "failed" }[event.vote_confidence]);
});

pageTest("the divider shows one date on its left and the other on its right", "change", "", async (page) => {
  await drawn(page);
  await page.getByRole("button", { name: "Compare dates" }).click();
  await page.waitForSelector(".divider");
  await page.waitForTimeout(1200);
  const box = await page.locator(".map-frame").boundingBox();
  // Where class before and class after differ, left and right of the divider differ.
  const at = async (percent, x) => {
    await page.locator(".divider").focus();
    await page.keyboard.press(percent === 0 ? "Home" : "End");
    await page.waitForTimeout(200);
    return pixel(page, box.x + x, box.y + box.height / 2 - 9);
  };
  const middle = Math.round(box.width / 2);
  const pairs = [];
  for (const x of [-150, -100, -50, 50, 100, 150]) pairs.push([await at(0, middle + x), await at(1, middle + x)]);
  assert.ok(pairs.some(([left, right]) => String(left) !== String(right)));
  await page.locator(".divider").focus();
  await page.keyboard.press("Home");
  for (let i = 0; i < 5; i++) await page.keyboard.press("PageUp");
  await linkHas(page, /swipe=0\.50/);
  assert.equal(await page.locator(".divider").getAttribute("aria-valuenow"), "50");
  // Dragged with the pointer.
  await page.mouse.move(box.x + middle, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + middle / 2, box.y + 40, { steps: 4 });
  await page.mouse.up();
  await linkHas(page, /swipe=0\.2[45]/);
  await page.getByRole("button", { name: "End comparison" }).click();
  assert.equal(await page.locator(".divider").count(), 0);
});

pageTest("the imagery of each date lies under its side of the divider", "imagery", "#swipe=0.5&hide=1,5,7,10,11", async (page) => {
  await drawn(page);
  const box = await page.locator(".map-frame").boundingBox();
  const at = (x) => pixel(page, box.x + box.width / 2 + x, box.y + box.height / 2 - 9);
  await eventually(async () => assert.deepEqual([await at(-80), await at(80)], [IMAGERY.before, IMAGERY.after]));
});
before(() => {
  if (!skip) output(join(folder, "imagery"), "change", { withImagery: true });
});

pageTest("the imagery is switched off, made transparent and shown of either date", "imagery", "#hide=1,5,7,10,11&zones=0", async (page) => {
  await drawn(page);
  const box = await page.locator(".map-frame").boundingBox();
  const at = () => pixel(page, box.x + box.width / 2, box.y + box.height / 2 - 9);
  await eventually(async () => assert.deepEqual(await at(), IMAGERY.after, "the later date at first"));
  await page.selectOption("#imagery-date", "before");
  await eventually(async () => assert.deepEqual(await at(), IMAGERY.before));
  await linkHas(page, /date=before/);
  await page.locator("#imagery-opacity").focus();
  for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowLeft");
  await linkHas(page, /opacity=0\.5/);
  const ground = [242, 244, 245];
  const half = IMAGERY.before.map((value, i) => (value + ground[i]) / 2);
  await eventually(async () => {
    const found = await at();
    assert.ok(found.every((value, i) => Math.abs(value - half[i]) < 3), String(found));
  });
  await page.uncheck("#imagery");
  await eventually(async () => assert.deepEqual(await at(), ground));
  await linkHas(page, /imagery=0/);
  // Both dates side by side, once they are compared.
  await page.check("#imagery");
  await page.locator("#imagery-opacity").fill("1");
  await page.getByRole("button", { name: "Compare dates" }).click();
  await page.waitForSelector(".divider");
  const beside = (x) => pixel(page, box.x + box.width / 2 + x, box.y + box.height / 2 - 9);
  await eventually(async () => assert.deepEqual([await beside(-80), await beside(80)], [IMAGERY.before, IMAGERY.after]));
  assert.equal(await page.locator("#imagery-date").count(), 0, "the divider shows both");
});

pageTest("the table is sorted, filtered and paged", "map", "#tab=table", async (page) => {
  await page.waitForSelector(".panel.table tbody tr");
  assert.equal((await rowsOf(page)).length, 25);
  await page.click("#features-sort-area_m2");
  const areas = sorted(map.features.map((f) => f.properties.area_m2));
  const shown = (rows) => rows.map((row) => Number(row[4].replace(/,/g, "")));
  await eventually(async () => assert.deepEqual(shown(await rowsOf(page)), areas.slice(0, 25).map(Math.round)));
  await page.click("#features-sort-area_m2");
  await eventually(async () => assert.deepEqual(shown(await rowsOf(page)), areas.reverse().slice(0, 25).map(Math.round)));
  assert.equal(await page.locator("th[aria-sort]").getAttribute("aria-sort"), "descending");
  await page.click("#features-last");
  await eventually(async () => assert.match(await page.locator(".panel.table .pager").textContent(), /Page 36 of 36/));
  // Rows without a value come last in both directions.
  for (const direction of ["ascending", "descending"]) {
    await page.click("#features-sort-score");
    await page.waitForSelector(`th[aria-sort=${direction}]`);
    await page.click("#features-last");
    await eventually(async () => assert.ok((await rowsOf(page)).every((row) => row[3] === "–"), direction));
  }
  await page.selectOption("#features-filter", "area_m2");
  await page.fill("#features-filter-from", "200");
  await page.fill("#features-filter-to", "300");
  const some = map.features.filter((f) => f.properties.area_m2 >= 200 && f.properties.area_m2 <= 300).length;
  await eventually(async () => assert.match(await status(page), new RegExp(`^${some} of 900 rows`)));
  await page.selectOption("#features-filter", "class_name");
  await page.fill("#features-filter-text", "ONERROR");
  await eventually(async () => assert.match(await status(page), /^180 of 900 rows/));
  await page.check("#features-all");
  await eventually(async () => assert.equal(await page.locator(".panel.table thead th").count(), map.facts.columns.length + 1));
});

pageTest("the CSV file has the filtered rows in the order of the table", "map", "#tab=table&hide=1,5,7,10", async (page) => {
  await page.waitForSelector(".panel.table tbody tr");
  await page.click("#features-sort-area_m2");
  await page.waitForSelector("th[aria-sort=ascending]");
  const [file] = await Promise.all([page.waitForEvent("download"), page.click("#features-csv")]);
  const lines = readFileSync(await file.path(), "utf8").trim().split("\r\n");
  assert.equal(file.suggestedFilename(), "features-run-test.csv");
  assert.equal(lines[0], map.facts.columns.map((field) => field.name).join(","));
  const expected = map.features.filter((f) => f.properties.class_id === 11);
  assert.equal(lines.length - 1, expected.length);
  const ids = expected.map((f, i) => [f.properties, i]).sort(([a, i], [b, j]) => a.area_m2 - b.area_m2 || i - j).map(([p]) => p.id);
  assert.deepEqual(lines.slice(1).map((line) => line.split(",")[0]), ids);
  assert.ok(lines[1].includes(`"${HOSTILE.replaceAll('"', '""')}"`));
});

pageTest("a row of the table leads to its details and to its place on the map", "map", "#tab=table", async (page) => {
  await page.waitForSelector(".panel.table tbody tr");
  await page.locator(".panel.table tbody tr").nth(20).getByRole("button").click();
  const id = map.features[20].properties.id;
  await linkHas(page, new RegExp(`feature=${id}`));
  await page.getByRole("button", { name: "Show on the map" }).click();
  const { xmin, xmax, ymin, ymax } = map.features[20].bbox;
  await eventually(() => {
    const [, longitude, latitude] = /view=([-\d.]+)%2C([-\d.]+)/.exec(page.url()).map(Number);
    assert.ok(longitude > xmin && longitude < xmax && latitude > ymin && latitude < ymax);
  });
});

pageTest("a search finds a feature by the beginning of its identifier", "map", "", async (page) => {
  await drawn(page);
  const { id } = map.features[777].properties;
  await page.fill("#search", id.slice(0, 10));
  await page.keyboard.press("Enter");
  await page.waitForFunction((id) => document.querySelector(".outcome").textContent.includes(id), id);
  await linkHas(page, new RegExp(`feature=${id}`));
  await page.fill("#search", "<b>x");
  await page.keyboard.press("Enter");
  assert.match(await page.locator(".outcome").textContent(), /digits 0 to 9/);
  await page.fill("#search", "0123456789ab");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector(".outcome").textContent.startsWith("No feature"));
});

pageTest("a link that is shared shows the same", "change", "#swipe=0.3&hide=7&hide-kinds=grown&score=0.4", async (page) => {
  await drawn(page);
  await page.locator(".map-buttons button").first().click();
  await linkHas(page, /view=/);
  await page.mouse.click(800, 500);
  await linkHas(page, /feature=/);
  await page.click("#lang-fr");
  await page.click("#share");
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(link, page.url());
  const copy = await page.context().newPage();
  await copy.goto(link);
  await drawn(copy);
  await copy.waitForSelector("#details:not([hidden])");
  assert.equal(copy.url(), link);
  const shown = (page) =>
    page.evaluate(() => ({
      lang: document.documentElement.lang,
      unchecked: [...document.querySelectorAll(".choices input")].map((input) => input.checked),
      score: document.querySelector("#score").value,
      divider: document.querySelector(".divider").getAttribute("aria-valuenow"),
      details: document.querySelector("#details").textContent,
    }));
  assert.deepEqual(await shown(copy), await shown(page));
});

pageTest("French and English say the same things", "change", "", async (page) => {
  await drawn(page);
  assert.equal(await page.getAttribute("html", "lang"), "en");
  await page.click("#lang-fr");
  assert.equal(await page.getAttribute("html", "lang"), "fr");
  assert.match(await page.locator(".legend").textContent(), /végétation herbacée/);
  assert.match(await page.locator("header").textContent(), /Non vérifié/);
  assert.match(await page.locator(".map-frame canvas").first().getAttribute("aria-label"), /Carte/);
  await openTable(page);
  assert.match(await page.locator("thead").first().textContent(), /Surface changée/);
  await page.click("#tab-about");
  assert.match(await page.locator(".panel.about").textContent(), /ENAF/);
});

pageTest("zones have their figures", "change", "#tab=zones", async (page) => {
  await page.waitForSelector(".panel.zones tbody tr");
  const text = await page.locator(".panel.zones table").textContent();
  for (const part of ["Balance of zones", 'Zone, <b>"A"</b>', "Area (m²)"]) assert.ok(text.includes(part), part);
  await page.click("#zones-0-sort-area_m2");
  await eventually(async () => assert.match(await page.locator(".panel.zones tbody tr").first().textContent(), /^DetailsCepci9/));
});

pageTest("zones are drawn over the events, and their figures are shown", "change", "#hide=1,5,7,10,11", async (page) => {
  await drawn(page);
  const box = await page.locator(".map-frame").boundingBox();
  const at = (x) => pixel(page, box.x + box.width / 2 + x, box.y + box.height / 2 - 9);
  const [ground, title] = [await at(-60), page.locator("#details-title")];
  assert.deepEqual(await at(60), ground, "outlines only");
  await page.selectOption("#zones-figure", "area_m2");
  await linkHas(page, /figure=area_m2/);
  // The lowest and the highest group of the two zones.
  await eventually(async () => {
    const [west, east] = [await at(-60), await at(60)];
    assert.ok(west[0] > 230 && west[2] < 220 && east[0] < 90 && east[2] > 130, `${west} ${east}`);
  });
  assert.deepEqual(await page.locator(".key li").allTextContents(), ["below 200", "200 to 500", "500 and more"]);
  await page.mouse.click(box.x + box.width / 2 + 60, box.y + box.height / 2);
  await page.waitForSelector("#details:not([hidden])");
  assert.equal(await title.textContent(), "commune: B");
  assert.match(await page.locator("#details").textContent(), /Area \(m²\)640/);
  await linkHas(page, /zone=B/);
  await page.selectOption("#zones-level", "1");
  // The map is narrower beside the details.
  await eventually(async () => {
    const narrow = await page.locator(".map-frame").boundingBox();
    await page.mouse.click(narrow.x + narrow.width / 2 - 60, narrow.y + narrow.height / 2);
    assert.equal(await title.textContent(), "epci: C");
  });
  await page.getByRole("button", { name: "Close the details" }).click();
  await page.uncheck("#zones");
  await eventually(async () => assert.deepEqual(await at(-60), ground));
  await linkHas(page, /zones=0/);
});

pageTest("a row of the zones leads to the zone on the map, and a link selects it", "change", "#tab=zones", async (page) => {
  await page.waitForSelector(".panel.zones tbody tr");
  await page.locator(".panel.zones tbody tr").nth(2).getByRole("button").click();
  await linkHas(page, /level=1&zone=C/);
  await page.getByRole("button", { name: "Show on the map" }).click();
  await linkHas(page, /view=/);
  const copy = await page.context().newPage();
  await copy.goto(page.url());
  await copy.waitForSelector("#details:not([hidden])");
  assert.equal(await copy.locator("#details-title").textContent(), "epci: C");
  // A zone without a place is in the table only.
  await page.click("#tab-zones");
  await page.locator(".panel.zones tbody tr").nth(3).getByRole("button").click();
  await page.getByRole("button", { name: "Show on the map" }).click();
  await eventually(async () => assert.match(await page.locator("main > [role=status]").textContent(), /No zone/));
});

pageTest("zonal statistics have their map, table and figures", "zonal", "", async (page) => {
  await drawn(page);
  assert.equal(await page.locator("#tab-table").count(), 0);
  assert.equal(await page.locator("#score").count(), 0, "no filters of features");
  assert.match(await page.title(), /Parcels of Arpentville – Zonal statistics/);
  assert.equal(await page.locator(".key li").count(), 3);
  assert.ok((await colors(page)) >= 2);
  await page.mouse.click(720, 450);
  await page.waitForSelector("#details:not([hidden])");
  assert.equal(await page.locator("#details-title").textContent(), `Zone ${ZONES[0].zone_id}`);
  await page.click("#tab-zones");
  await page.waitForSelector(".panel.zones tbody tr");
  assert.equal(await page.locator(".panel.zones tbody tr").count(), ZONES.length);
});
before(() => {
  if (!skip) output(join(folder, "zonal"), "map", zonal());
});

for (const [kind, hash] of [["map", ""], ["change", "&swipe=0.5"], ["imagery", "&figure=area_m2"], ["zonal", ""]]) {
  for (const language of ["en", "fr"]) {
    pageTest(`axe finds nothing on the panels of a ${kind}, ${language}`, kind, `#lang=${language}&patterns=1${hash}`, async (page) => {
      await drawn(page);
      const check = async (panel) => {
        const found = await page.evaluate(async (axe) => {
          if (!window.axe) new Function(axe)();
          const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
          return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
        }, axe);
        assert.deepEqual(found, [], panel);
      };
      await page.context().newCDPSession(page).then((session) => session.send("Page.setBypassCSP", { enabled: true }));
      await page.reload();
      await drawn(page);
      await check("map");
      const box = await page.locator(".map-frame").boundingBox();
      await page.mouse.click(box.x + 400, box.y + 337);
      await page.waitForSelector("#details:not([hidden])");
      if (kind !== "zonal") await page.locator("#details summary").click();
      await check("details");
      if (kind !== "zonal") {
        await openTable(page);
        await page.selectOption("#features-filter", "score");
        await check("table");
      }
      if (kind !== "map") {
        await page.click("#tab-zones");
        await page.waitForSelector(".panel.zones tbody tr");
        await check("zones");
      }
      await page.click("#tab-about");
      await page.locator(".panel.about summary").click();
      await check("about");
      await page.setViewportSize({ width: 390, height: 844 });
      await page.click("#tab-map");
      await check("small screen");
    });
  }
}

/** Presses Tab until an element has the focus. */
async function tabTo(page, selector) {
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return;
  }
  assert.fail(`the keyboard does not reach ${selector}`);
}

pageTest("everything is reached and done with the keyboard", "change", "", async (page) => {
  await drawn(page);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await tabTo(page, "#lang-fr");
  await page.keyboard.press("Enter");
  assert.equal(await page.getAttribute("html", "lang"), "fr");
  await tabTo(page, "#zones");
  await page.keyboard.press("Space");
  await linkHas(page, /zones=0/);
  await page.keyboard.press("Space");
  await tabTo(page, "#zones-level");
  await page.keyboard.press("ArrowDown");
  await linkHas(page, /level=1/);
  await tabTo(page, ".choices input");
  await page.keyboard.press("Space");
  await linkHas(page, /hide=1/);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
  assert.equal(outline, "3px", "the focus is visible");
  await tabTo(page, "#score");
  for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowRight");
  await linkHas(page, /score=0\.05/);
  await tabTo(page, "canvas.maplibregl-canvas");
  const view = page.url();
  await page.keyboard.press("ArrowRight");
  await eventually(async () => assert.notEqual(page.url(), view, "arrows move the map"));
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "details");
  await tabTo(page, "#details summary");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#details").isHidden(), true);
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "CANVAS", "the focus goes back");
  await tabTo(page, "button.wide");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".divider");
  await tabTo(page, ".divider");
  await page.keyboard.press("ArrowLeft");
  await linkHas(page, /swipe=0\.48/);
  await page.evaluate(() => document.getElementById("tab-map").focus());
  await page.keyboard.press("ArrowRight");
  await page.waitForSelector(".panel.table tbody tr");
  await tabTo(page, "#features-sort-score");
  await page.keyboard.press("Enter");
  await page.waitForSelector("th[aria-sort=ascending]");
  assert.equal(await page.evaluate(() => document.activeElement.id), "features-sort-score", "sorting keeps the focus");
  await tabTo(page, "td.action button");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.id === "details");
  await page.keyboard.press("Escape");
  assert.ok(await page.evaluate(() => document.activeElement.matches("td.action button")));
});

pageTest("names with quotes, markup and emoji are text", "map", "", async (page) => {
  await drawn(page);
  assert.ok((await page.locator(".legend").textContent()).includes(HOSTILE));
  await openTable(page);
  assert.ok((await page.locator(".panel.table tbody").textContent()).includes(HOSTILE));
  await page.click("#tab-about");
  assert.ok((await page.locator(".panel.about").textContent()).includes(`one ${HOSTILE} warning`));
  assert.equal(await page.locator("img").count(), 0);
  assert.equal(await page.locator(".attribution").textContent(), "© Arpentville <2024>");
});

const trouble = (page) => page.waitForSelector(".alert:not([hidden])").then((alert) => alert.textContent());

test("a host that cannot serve the page is named, with what to do", { skip, timeout: 120_000 }, async () => {
  const url = `${host.origin}/map/index.html`;
  const cases = [
    [{ ranges: false }, /must answer range requests.*206.*Accept-Ranges: bytes/],
    [{ broken: 404 }, /not beside this page \(status 404\)/],
    [{ broken: 403 }, /refuses features\.pmtiles \(status 403\)/],
  ];
  for (const [change, expected] of cases) {
    Object.assign(host, change);
    const page = await open(browser, url);
    assert.match(await trouble(page), expected);
    await page.context().close();
    Object.assign(host, { ranges: true, broken: 0 });
  }
  const page = await open(browser, url);
  await page.route("**/features.parquet", (route) => route.abort());
  await page.click("#tab-table");
  assert.match(await trouble(page), /Access-Control-Allow-Origin: \*/);
  await page.context().close();
  const asFile = await open(browser, `file://${join(folder, "map/index.html")}`);
  assert.match(await trouble(asFile), /arpent view/);
  await asFile.context().close();
});

pageTest("a file that is not the published one is refused", "other", "", async (page) => {
  assert.match(await trouble(page), /not the file that was published/);
}, { expectErrors: true });
before(() => {
  if (!skip) output(join(folder, "other"), "map", { tiles: { href: "features.pmtiles", role: "features", media_type: "x", size: 999_999 } });
});

pageTest("an output without tiles has its table, and says why there is no map", "bare", "", async (page) => {
  assert.match(await page.locator(".panel.map").textContent(), /no vector tiles/);
  await openTable(page);
  assert.equal((await rowsOf(page)).length, 25);
});
before(() => {
  if (!skip) output(join(folder, "bare"), "map", { tiles: null });
});

test("without scripts the page says what the output is and links to its files", { skip }, async () => {
  const page = await open(browser, `${host.origin}/map/index.html`, { javaScriptEnabled: false });
  const text = await page.locator("main").textContent();
  for (const part of ["Not verified", "features.parquet", "building: 180", HOSTILE]) assert.ok(text.includes(part), part);
  await page.context().close();
});
