// The page at the address of an output, in headless Chromium.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromiumPath, open, start } from "./browser.mjs";
import { entry } from "./fixture.mjs";
import { serve } from "./server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const isRequired = (process.env.ARPENT_TESTS_REQUIRE ?? "").split(",").includes("chromium");
const skip = chromiumPath || isRequired ? false : "chromium is not installed (scripts/setup.sh --test)";
const folder = mkdtempSync(join(tmpdir(), "entry-"));
let [browser, host] = [];

before(async () => {
  if (skip) return;
  writeFileSync(join(folder, "index.html"), entry());
  mkdirSync(join(folder, "a1"));
  writeFileSync(join(folder, "a1/index.html"), "<title>attempt</title><link rel='icon' href='data:,'>");
  host = await serve(folder);
  browser = await start();
});
after(async () => {
  await browser?.close();
  host?.close();
  rmSync(folder, { recursive: true, force: true });
});

const publish = (artifacts) => writeFileSync(join(folder, "manifest.json"), JSON.stringify({ artifacts }));

/** Opens the page with this end of its address, and waits for a state. */
async function opened(state, end = "", address = `${host.origin}/index.html`) {
  const page = await open(browser, address + end);
  await page.waitForSelector(`[data-state="${state}"]:not([hidden])`);
  return page;
}

test("it leads to the page of the attempt, with the view of the link", { skip, timeout: 60_000 }, async () => {
  publish([{ href: "a1/labels.tif", role: "labels" }, { href: "a1/index.html", role: "viewer" }]);
  const page = await open(browser, `${host.origin}/index.html?x=1#id=ab&zoom=3`);
  await page.waitForURL(`${host.origin}/a1/index.html?x=1#id=ab&zoom=3`);
  assert.equal(await page.title(), "attempt");
  assert.deepEqual([page.off, page.errors], [[], []]);
  await page.context().close();
});

test("without a page it lists the files of the attempt, and no others", { skip, timeout: 60_000 }, async () => {
  const hostile = ["https://elsewhere.example/x", "//elsewhere.example/x", "../up/x", "a1/../../x", "javascript:alert(1)/x", "a1/b/c", 7, null];
  publish([...hostile.map((href) => ({ href, role: "viewer" })), { href: "a1/labels.tif", role: "labels" }]);
  const page = await opened("files");
  const links = await page.locator("#files a").evaluateAll((all) => all.map((link) => [link.getAttribute("href"), link.textContent]));
  assert.deepEqual(links, [["a1/labels.tif", "labels.tif"]]);
  assert.deepEqual([page.off, page.errors], [[], []]);
  await page.context().close();
});

test("it says when nothing is published, or the manifest cannot be read", { skip, timeout: 60_000 }, async () => {
  rmSync(join(folder, "manifest.json"), { force: true });
  await (await opened("none")).context().close();
  host.broken = 503;
  await (await opened("failed")).context().close();
  host.broken = 0;
  for (const text of ["{", "null", "[]", '{"artifacts": {}}']) {
    writeFileSync(join(folder, "manifest.json"), text);
    await (await opened(text === "{" ? "failed" : "files")).context().close();
  }
});

test("as a file it says what to do, and axe finds nothing", { skip, timeout: 60_000 }, async () => {
  const address = pathToFileURL(join(folder, "index.html")).href;
  const page = await opened("file", "", address);
  assert.deepEqual(page.errors, []);
  assert.equal(await page.locator("a[href='manifest.json']").count(), 1);
  await page.context().close();
  rmSync(join(folder, "manifest.json"), { force: true });
  // The policy of the page allows no other script, so axe runs without it.
  const context = await browser.newContext({ bypassCSP: true });
  const shown = await context.newPage();
  await shown.goto(`${host.origin}/index.html`);
  await shown.evaluate(axe);
  const violations = await shown.evaluate(async () => (await window.axe.run(document)).violations.map(({ id }) => id));
  assert.deepEqual(violations, []);
  await context.close();
});
