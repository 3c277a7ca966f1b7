// What the output is: provenance, limits, warnings, files.

import { fill, h } from "./dom";
import type { Facts } from "./facts";
import type { Words } from "./words";

/** Libraries that the page uses itself. */
const LIBRARIES = "MapLibre GL JS (BSD-3-Clause), PMTiles (BSD-3-Clause), hyparquet (MIT), fzstd (MIT)";

type Pair = [string, string | null];

function stated(words: Words, of: Facts): string {
  if (of.states.length === 0) return `${words.say("proposal")}. ${words.say("proposal_more")}`;
  const counts = of.states.map((item) => `${words.of(item.title)}: ${words.count(item.features)}`);
  return `${words.say("reviewed")}: ${counts.join("; ")}. ${words.say("reviewed_more")}`;
}

function facts(words: Words, of: Facts): Pair[] {
  const dates = [of.before, of.after].filter((date) => date !== null).map((date) => words.date(date));
  const model = of.model;
  return [
    [words.say("state"), stated(words, of)],
    [words.say("dates"), dates.length > 0 ? dates.join(" → ") : words.say("unknown_date")],
    [words.say(of.kind === "change" ? "events" : of.kind === "zonal" ? "tab_zones" : "features"), words.count(of.features)],
    [words.say("model"), model ? `${model.id} ${model.version} (SHA-256 ${model.sha256})` : null],
    [words.say("model_license"), model?.license ?? null],
    [words.say("data_license"), of.license],
    [words.say("attribution"), of.attribution],
    [words.say("run"), of.run_id],
    [words.say("software"), of.software],
  ];
}

function table(label: string, heads: string[], rows: (Node | string)[][]): HTMLElement {
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell))))),
    ),
  );
}

/** Draws the page about the output. */
export function drawAbout(element: HTMLElement, words: Words, of: Facts, licenses: string): void {
  const pairs = facts(words, of).filter((pair): pair is [string, string] => pair[1] !== null);
  const limits = [...(of.kind === "change" ? (["limit_enaf"] as const) : []), ...(of.kind === "zonal" ? [] : (["score_is"] as const)), "limit_map", of.imagery.length > 0 ? "limit_imagery" : "limit_background"] as const;
  const warning = (warning: Facts["warnings"][number]): HTMLElement =>
    h(
      "li",
      {},
      h("strong", {}, warning.subject),
      ` ${warning.message}`,
      warning.hint === null ? null : h("span", { class: "more" }, ` ${words.say("hint")}: ${warning.hint}`),
    );
  fill(
    element,
    h("h2", {}, words.say("about_run")),
    h("dl", { class: "facts wide" }, pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("h2", {}, words.say("limits")),
    h("ul", {}, limits.map((key) => h("li", {}, words.say(key)))),
    ...(of.warnings.length > 0 ? [h("h2", {}, words.say("warnings")), h("ul", { class: "warnings" }, of.warnings.map(warning))] : []),
    ...(of.scenes.length > 0
      ? [
          h("h2", {}, words.say("scenes")),
          table(
            words.say("scenes"),
            [words.say("scene"), words.say("acquired")],
            of.scenes.map((scene) => [
              scene.id,
              [
                ...(scene.date ? [words.say(scene.date)] : []),
                scene.acquired === null ? words.say("unknown_date") : words.date(scene.acquired),
              ].join(", "),
            ]),
          ),
        ]
      : []),
    h("h2", {}, words.say("files")),
    table(
      words.say("files"),
      [words.say("file"), words.say("role"), words.say("size")],
      of.files.map((file) => [h("a", { href: file.href }, file.href), file.role, words.bytes(file.size)]),
    ),
    h("h2", {}, words.say("libraries")),
    h("p", {}, `${LIBRARIES}.`),
    h(
      "details",
      {},
      h("summary", {}, words.say("licenses")),
      h("pre", { class: "scroll", tabindex: 0, role: "region", "aria-label": words.say("licenses"), lang: "en" }, licenses.trim()),
    ),
  );
}
