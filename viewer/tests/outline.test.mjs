// An outline that is drawn: what is done to its points, and what is refused. No browser.
import assert from "node:assert/strict";
import { build } from "esbuild";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const entryPoints = [join(dirname(fileURLToPath(import.meta.url)), "../src/outline.ts")];
const { outputFiles } = await build({ entryPoints, bundle: true, format: "esm", write: false, platform: "browser" });
const { Outline, area, positions, problem } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);

const LIMITS = { positions: 5_000, area_m2: 1e6, box: [4.9, 42.9, 5.1, 43.1] };
const square = (x, y, side) => [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]];
const polygon = (...coordinates) => ({ type: "Polygon", coordinates });
const reversed = (ring) => [...ring].reverse();
const bad = (geometry, limits = LIMITS) => problem(geometry, limits);

test("areas are those of the sphere, and holes are left out of them", () => {
  // 111.32 m x 81.4 m.
  const whole = area(polygon(square(5, 43, 0.001)));
  assert.ok(Math.abs(whole - 9_061) < 60, String(whole));
  const hole = area(polygon(square(5, 43, 0.001), reversed(square(5.0002, 43.0002, 0.0005))));
  assert.ok(Math.abs(hole / whole - 0.75) < 1e-4, String(hole / whole));
  assert.ok(Math.abs(area(polygon(reversed(square(5, 43, 0.001)))) - whole) < 1e-6, "in both directions");
});

test("outlines that no decision may have are refused, each with its reason", () => {
  const good = polygon(square(5, 43, 0.001));
  assert.equal(bad(good), null);
  assert.equal(bad(polygon(square(5, 43, 0.001), reversed(square(5.0002, 43.0002, 0.0005)))), null);
  // A hole that touches the outline at a point, and two parts that do.
  assert.equal(bad(polygon(square(5, 43, 0.001), [[5, 43.0005], [5.0003, 43.0007], [5.0003, 43.0003], [5, 43.0005]])), null);
  assert.equal(bad({ type: "MultiPolygon", coordinates: [[square(5, 43, 0.001)], [square(5.001, 43.001, 0.001)]] }), null);
  const bow = [[5, 43], [5.001, 43.001], [5.001, 43], [5, 43.001], [5, 43]];
  const spike = [[5, 43], [5.001, 43], [5.002, 43], [5.001, 43], [5.001, 43.001], [5, 43]];
  const touching = [[5, 43], [5.002, 43], [5.002, 43.002], [5.001, 43], [5, 43.002], [5, 43]];
  for (const [geometry, why] of [
    [polygon([[5, 43], [5.001, 43], [5, 43]]), "few"],
    [polygon(), "few"],
    [polygon(bow), "crosses"],
    [polygon(spike), "crosses"],
    [polygon(touching), "crosses"],
    [polygon(square(5, 43, 0.001), reversed(square(5.0008, 43.0002, 0.0005))), "crosses"],
    [polygon(square(5, 43, 0.001), reversed(square(5.002, 43.002, 0.0005))), "hole"],
    [{ type: "MultiPolygon", coordinates: [[square(5, 43, 0.001)], [square(5.0002, 43.0002, 0.0005)]] }, "crosses"],
    [{ type: "MultiPolygon", coordinates: [[square(5, 43, 0.001)], [square(5.0005, 43.0005, 0.001)]] }, "crosses"],
    [polygon(square(5, 43, 0.02)), "large"],
    [polygon(square(5.0995, 43, 0.001)), "outside"],
  ]) {
    assert.equal(bad(geometry), why, JSON.stringify(geometry));
  }
  assert.equal(bad(good, { ...LIMITS, positions: 4 }), "many");
  // As many points as a decision may have, in milliseconds.
  const circle = Array.from({ length: 4_999 }, (_, i) => [5 + 0.001 * Math.cos((i * 2 * Math.PI) / 4_999), 43 + 0.001 * Math.sin((i * 2 * Math.PI) / 4_999)]);
  const since = performance.now();
  assert.equal(bad(polygon([...circle, circle[0]])), null);
  assert.ok(performance.now() - since < 2_000);
});

test("every step can be undone, and moves of one point are one step", () => {
  const first = polygon(square(5, 43, 0.001), reversed(square(5.0002, 43.0002, 0.0005)));
  const outline = Outline.of(first);
  assert.deepEqual([outline.points.length, outline.at, outline.canUndo], [8, 0, false]);
  outline.move([4.9999, 43]);
  outline.move([4.9998, 43]);
  outline.step(1);
  outline.insert(1, outline.middles[1]);
  assert.deepEqual([outline.at, outline.points.length, outline.chosen], [2, 9, [5.001, 43.0005]]);
  // A hole of three points goes with its last corner but two.
  outline.choose(5);
  assert.ok(outline.remove() && outline.remove());
  assert.equal(outline.points.length, 5);
  assert.deepEqual(positions(outline.toGeometry()), 6);
  outline.step(-1);
  assert.equal(outline.at, 3);
  assert.ok(outline.remove() && outline.remove());
  assert.equal(outline.remove(), false, "three points are the least");
  let steps = 0;
  while (outline.undo()) steps++;
  assert.equal(steps, 6);
  assert.deepEqual(outline.toGeometry(), first, "and the first one is not changed");
  assert.equal(outline.undo(), false);
});

test("a line is drawn anew, closed, and its repeated points are left out", () => {
  const outline = Outline.of(polygon(square(5, 43, 0.001)));
  outline.clear();
  assert.deepEqual([outline.isOpen, outline.chosen, outline.close()], [true, null, false]);
  for (const point of [[5, 43], [5.001, 43], [5.001, 43], [5.001, 43.001000000049]]) outline.insert(outline.points.length - 1, point);
  assert.deepEqual([outline.points.length, outline.at, outline.middles.at(-1)], [4, 3, null]);
  assert.ok(outline.close() && !outline.isOpen);
  assert.deepEqual(outline.toGeometry(), polygon([[5, 43], [5.001, 43], [5.001, 43.001], [5, 43]]));
  assert.equal(bad(outline.toGeometry()), null);
  assert.ok(outline.undo() && outline.isOpen);
});
