// Builds the page's program and style: `node build.mjs FOLDER`. Equal sources give equal bytes.
import { build } from "esbuild";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];
if (!out) throw new Error("usage: node build.mjs FOLDER");

/** Files that are imported as text: the program of the map's worker, without its pointer to a source map. */
const text = {
  name: "text",
  setup(build) {
    build.onResolve({ filter: /\?text$/ }, (found) => ({ path: found.path.replace(/\?text$/, ""), namespace: "text" }));
    build.onLoad({ filter: /.*/, namespace: "text" }, (found) => {
      const path = join(here, "node_modules", found.path);
      return { contents: readFileSync(path, "utf8").replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"), loader: "text" };
    });
  },
};

const result = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.ts"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  metafile: true,
  outfile: join(out, "viewer.js"),
  plugins: [text],
  logLevel: "warning",
});
await build({
  absWorkingDir: here,
  entryPoints: ["src/page.css"],
  bundle: true,
  minify: true,
  charset: "utf8",
  legalComments: "none",
  loader: { ".svg": "dataurl" },
  outfile: join(out, "viewer.css"),
  logLevel: "warning",
});

// The license of each package that is in the bundle, or in the worker, whose packages are the map's.
const inside = Object.keys(result.metafile.inputs);
const package_of = (path) => /^(?:text:|node_modules\/)((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
const used = new Set(inside.map(package_of).filter(Boolean));
const queue = [...used];
for (let name; (name = queue.pop());) {
  const { dependencies = {} } = JSON.parse(readFileSync(join(here, "node_modules", name, "package.json"), "utf8"));
  for (const next of Object.keys(dependencies)) if (!next.startsWith("@types/") && used.size < used.add(next).size) queue.push(next);
}
/** The notice of a package: its own file, or that of `licenses/` where the package has none. */
function notice(name) {
  const folder = join(here, "node_modules", name);
  const own = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  const path = own ? join(folder, own) : join(here, "licenses", `${name}.txt`);
  return readFileSync(path, "utf8").replace(/\r\n/g, "\n").trim();
}
const licenses = [...used].sort().map((name) => {
  const { version, license } = JSON.parse(readFileSync(join(here, "node_modules", name, "package.json"), "utf8"));
  return `${name} ${version} (${license})\n\n${notice(name)}\n`;
});
writeFileSync(join(out, "LICENSES.txt"), licenses.join(`\n${"-".repeat(80)}\n\n`));
