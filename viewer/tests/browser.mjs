// Headless Chromium for the tests: one start, no request to another host.
import { chromium } from "playwright-core";
import { existsSync } from "node:fs";

const PATHS = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where Chromium is; undefined if it is not installed. */
export const chromiumPath = PATHS.find((path) => path && existsSync(path));

/** Starts Chromium with a WebGL that needs no GPU. */
export function start() {
  const args = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--no-first-run"];
  if (process.getuid?.() === 0) args.push("--no-sandbox");
  return chromium.launch({ executablePath: chromiumPath, args });
}

/** A page of a fresh profile; `page.off` has the requests to other hosts, `page.said` what the console said, `page.errors` errors. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  const { origin } = new URL(url);
  Object.assign(page, { off: [], errors: [] });
  context.on("request", (request) => {
    const to = request.url();
    if (!to.startsWith(origin) && !/^(blob|data):/.test(to)) page.off.push(to);
  });
  page.on("pageerror", (error) => page.errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") page.errors.push(message.text());
  });
  await page.goto(url);
  return page;
}

/** Waits until the map has drawn all tiles of the view. */
export async function drawn(page) {
  await page.waitForSelector("html[data-drawn]", { timeout: 30_000 });
}
