// Times of the page in headless Chromium, of an output that is served by a static host: node tests/speed.mjs FOLDER [ROUNDS]
// Each round is a fresh profile: nothing is cached. Prints JSON lines, milliseconds.
import { drawn, open, start } from "./browser.mjs";
import { serve } from "./server.mjs";

const [folder, rounds = "5"] = process.argv.slice(2);
if (!folder) throw new Error("usage: node tests/speed.mjs FOLDER [ROUNDS]");
const host = await serve(folder);
const browser = await start();

/** Milliseconds that an action takes until a condition of the page holds. */
async function timed(page, act, until, argument) {
  const began = performance.now();
  await act();
  await page.waitForFunction(until, argument, { timeout: 300_000, polling: 20 });
  return Math.round(performance.now() - began);
}

for (let round = 0; round < Number(rounds); round++) {
  const page = await open(browser, `${host.origin}/index.html`);
  await drawn(page);
  const first_draw = Math.round(await page.evaluate(() => performance.getEntriesByName("drawn")[0].startTime));
  const hasRows = () => document.querySelector(".panel.table tbody tr") !== null;
  const isReady = () => /^[\d,]+ of [\d,]+ rows/.test(document.querySelector(".panel.table .status").textContent);
  const table = await timed(page, () => page.click("#tab-table"), hasRows);
  const sort = await timed(page, () => page.click("#features-sort-score"), () => document.querySelector("th[aria-sort]") !== null);
  const filter = await timed(page, () => page.locator(".choices input").first().uncheck(), isReady);
  const id = await page.evaluate(() => document.querySelector(".panel.table tbody tr .id").textContent);
  const search = await timed(
    page,
    async () => {
      await page.fill("#search", id);
      await page.keyboard.press("Enter");
    },
    (id) => document.querySelector(".outcome").textContent.includes(id),
    id,
  );
  const heap = await page.evaluate(() => Math.round((performance.memory?.usedJSHeapSize ?? 0) / 1e6));
  console.log(JSON.stringify({ first_draw, table, sort, filter, search, heap_mb: heap }));
  await page.context().close();
}
await browser.close();
host.close();
