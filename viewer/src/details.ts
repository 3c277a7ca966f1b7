// The panel of one feature: what it is, why it is there, and all of its attributes.

import { fill, h, icon } from "./dom";
import type { Facts, Field, Scene } from "./facts";
import type { Hit } from "./map";
import { swatch } from "./patterns";
import type { Cell } from "./rows";
import type { State } from "./state";
import type { Words } from "./words";

export interface DetailEvents {
  /** Another of the features at the same place is shown. */
  chose(hit: Hit): void;
  closed(): void;
  /** Shows the feature on the map; null if there is no map. */
  center: ((hit: Hit) => void) | null;
}

type Gate = [outcome: "passed" | "failed" | "no_vote", text: string];

/** Scenes beyond this number are not listed. */
const MOST_SCENES = 24;

export class Details {
  readonly element = h("section", {
    class: "details",
    id: "details",
    tabindex: -1,
    "aria-labelledby": "details-title",
    hidden: true,
  });
  private hits: Hit[] = [];
  private at = 0;

  constructor(
    private readonly state: State,
    private words: Words,
    private readonly events: DetailEvents,
  ) {
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  translate(words: Words): void {
    this.words = words;
    this.draw();
  }

  /** The scenes of the feature that is shown, as its record names them. */
  get sceneIds(): string {
    return String(this.hits[this.at]?.record["scene_ids"] ?? "");
  }

  /** What the feature of an id is, in one line; empty if another one is shown. */
  summary(id: string): string {
    const record = this.hits[this.at]?.record;
    if (record === undefined || record["id"] !== id) return "";
    const { words } = this;
    const isEvent = record["kind"] !== undefined && this.state.facts.kind === "change";
    const classes = isEvent
      ? [words.kind(record["kind"]), `${words.className(record["from_class"])} → ${words.className(record["to_class"])}`]
      : [words.className(record["class_name"])];
    const score = typeof record["score"] === "number" ? [`${words.title(this.field("score"))} ${words.score(record["score"])}`] : [];
    const area = record[isEvent ? "changed_m2" : "area_m2"];
    return [...classes, ...score, ...(typeof area === "number" ? [words.area(area)] : [])].join(" · ");
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  /** Shows the first of the features at a place; with `focus`, the keyboard goes on here. */
  show(hits: Hit[], focus: boolean): void {
    [this.hits, this.at] = [hits, 0];
    this.element.hidden = hits.length === 0;
    this.draw();
    if (focus && this.isOpen) this.element.focus();
  }

  hide(): void {
    this.hits = [];
    this.element.hidden = true;
  }

  private close(): void {
    this.hide();
    this.events.closed();
  }

  private turn(by: number): void {
    this.at = (this.at + by + this.hits.length) % this.hits.length;
    const hit = this.hits[this.at];
    this.draw();
    if (hit) this.events.chose(hit);
    this.element.querySelector<HTMLElement>(by < 0 ? "#details-previous" : "#details-next")?.focus();
  }

  private draw(): void {
    const hit = this.hits[this.at];
    if (!hit) return;
    const { words } = this;
    const close = h(
      "button",
      { type: "button", class: "close", "aria-label": words.say("close"), title: words.say("close"), click: () => this.close() },
      icon("✕"),
    );
    if (hit.isZone) {
      fill(this.element, ...this.zone(hit.record, close));
      return;
    }
    if (hit.id === null) {
      const several = words.say("several", { count: words.count(Number(hit.record["count"] ?? 2)) });
      const head = h("div", { class: "details-head" }, h("h2", { id: "details-title" }, this.classOf(hit.record)), close);
      fill(this.element, head, h("p", {}, several), this.essentials(hit.record, false));
      return;
    }
    const isEvent = hit.record["kind"] !== undefined && this.state.facts.kind === "change";
    fill(
      this.element,
      h("div", { class: "details-head" }, h("h2", { id: "details-title" }, this.title(hit.record, isEvent)), close),
      this.hits.length > 1 ? this.turner() : null,
      h("p", {}, h("span", { class: "badge" }, words.state(hit.record["state"] ?? "not_verified"))),
      this.essentials(hit.record, isEvent),
      h("h3", {}, words.say("why")),
      ...(isEvent ? this.whyEvent(hit.record) : this.whyFeature(hit.record)),
      this.pictures(hit),
      this.scenes(hit.record),
      this.attributes(hit.record),
      this.events.center && hit.id !== null ? this.centerButton(hit) : null,
    );
  }

  /** A zone with all of its figures. */
  private zone(record: Record<string, Cell>, close: HTMLElement): (HTMLElement | null)[] {
    const { words } = this;
    const map = this.state.facts.zone_map;
    const id = record[map?.id ?? "id"] ?? null;
    const level = map?.level ? record[map.level] : undefined;
    const named = typeof level === "string" ? words.say("zone_of", { level, id: String(id) }) : `${words.say("zone")} ${id ?? ""}`;
    const title = id === null ? (typeof level === "string" ? level : words.say("tab_zones")) : named;
    const head = h("div", { class: "details-head" }, h("h2", { id: "details-title" }, title), close);
    if (id === null) return [head, h("p", {}, words.say("several_zones", { count: words.count(Number(record["count"] ?? 2)) }))];
    const fields = (map?.columns ?? []).filter((field) => (record[field.name] ?? null) !== null);
    const pairs = fields.flatMap((field) => [
      h("dt", { title: field.description ?? null }, words.title(field)),
      h("dd", {}, words.cell(field, record[field.name])),
    ]);
    return [
      head,
      this.hits.length > 1 ? this.turner() : null,
      h("p", {}, h("span", { class: "badge" }, words.say("proposal"))),
      h("h3", {}, words.say("zone_figures")),
      h("dl", { class: "facts zone-facts" }, pairs),
      this.events.center ? this.centerButton(this.hits[this.at] ?? { id: null, record, isZone: true }) : null,
    ];
  }

  private centerButton(hit: Hit): HTMLElement {
    return h("p", {}, h("button", { type: "button", click: () => this.events.center?.(hit) }, this.words.say("center")));
  }

  private turner(): HTMLElement {
    const { words } = this;
    return h(
      "div",
      { class: "turner" },
      h("button", { type: "button", class: "small", id: "details-previous", click: () => this.turn(-1) }, words.say("previous")),
      h("span", {}, words.say("here", { n: this.at + 1, all: this.hits.length })),
      h("button", { type: "button", class: "small", id: "details-next", click: () => this.turn(1) }, words.say("next")),
    );
  }

  /** A class with its swatch. */
  private named(name: Cell | undefined): HTMLElement {
    const { facts, shown } = this.state;
    const index = facts.classes.findIndex((item) => item.name.en === name);
    const item = facts.classes[index];
    return h("span", { class: "class" }, item ? swatch(item.color, index, shown.patterns) : null, this.words.className(name));
  }

  /** The class of a record, by its number where it has no more. */
  private classOf(record: Record<string, Cell>): HTMLElement {
    const byId = this.state.facts.classes.find((item) => item.id === record["class_id"]);
    return this.named(record["class_name"] ?? byId?.name.en);
  }

  private title(record: Record<string, Cell>, isEvent: boolean): (Node | string)[] {
    if (!isEvent) return [this.named(record["class_name"])];
    const [from, to] = [record["from_class"], record["to_class"]];
    const change = from === to ? [this.named(to)] : [this.named(from), icon(" → "), this.named(to)];
    return [h("span", { class: "kind" }, this.words.kind(record["kind"])), ...change];
  }

  private essentials(record: Record<string, Cell>, isEvent: boolean): HTMLElement {
    const names = isEvent
      ? ["changed_m2", "gained_m2", "lost_m2", "score", "date_before", "date_after"]
      : ["area_m2", "score", "acquired", "count"];
    const pairs = names.flatMap((name) => {
      const value = record[name];
      const field = this.field(name);
      if (value === undefined || value === null) return [];
      const text = field.unit === "m2" ? this.words.area(value) : this.words.cell(field, value);
      return [h("dt", {}, this.words.title(field).replace(/ \(m²\)$/, "")), h("dd", {}, text)];
    });
    return h("dl", { class: "facts" }, pairs);
  }

  private field(name: string): Field {
    const known = this.state.facts.columns.find((field) => field.name === name);
    return known ?? { name, type: "string", title: name, "title:fr": name };
  }

  private whyFeature(record: Record<string, Cell>): HTMLElement[] {
    const { words } = this;
    const model = this.state.facts.model;
    const values = {
      model: model ? `${model.id} ${model.version}` : String(record["model_id"] ?? "–"),
      class: words.className(record["class_name"]),
      score: words.score(record["score"]),
    };
    if (typeof record["score"] !== "number") {
      const { undecided } = this.state.facts.unscored;
      const risk = undecided ? words.percent(undecided.max_risk, 1) : "";
      return [h("p", {}, words.say(whyUnscored(this.state.facts, record), { ...values, risk }))];
    }
    const isObject = record["pixels_area_m2"] === undefined || record["pixels_area_m2"] === null;
    return [
      h("p", {}, words.say(isObject ? "why_object" : "why_model", values)),
      h("p", { class: "more" }, words.say("score_is")),
    ];
  }

  private whyEvent(record: Record<string, Cell>): HTMLElement[] {
    const { words } = this;
    const [kind, meaning] = [words.kind(record["kind"]), words.meaning(record["kind"])];
    const gate = ([outcome, text]: Gate): HTMLElement =>
      h(
        "li",
        { class: outcome },
        icon({ passed: "✓", failed: "✗", no_vote: "–" }[outcome]),
        h("span", { class: "hidden" }, `${words.say(outcome)}: `),
        text,
      );
    return [
      h("p", {}, words.say("why_event", { kind, meaning })),
      h("h4", {}, words.say("gates")),
      h("ul", { class: "gates" }, this.gates(record).map(gate)),
      h("p", { class: "more" }, words.say("gates_rule")),
      ...(record["flicker"] === 1 ? [h("p", { class: "note" }, words.say("flicker"))] : []),
    ];
  }

  private gates(record: Record<string, Cell>): Gate[] {
    const { words } = this;
    const rules = this.state.facts.rules;
    const vote = (name: string): Gate[0] => ({ 1: "passed", 0: "failed" })[String(record[name])] as Gate[0] ?? "no_vote";
    const number = (value: Cell | undefined, decimals: number): string =>
      typeof value === "number" ? words.number(value, decimals) : "–";
    const least = rules?.width_px ?? null;
    const rule = least === null ? "" : words.say("gate_width_rule", { least: words.number(least, 2) });
    const asked = rules?.min_confidence ?? null;
    const required =
      asked === null
        ? words.say("gate_confidence_vote")
        : words.say("gate_confidence_rule", { least: words.score(asked) });
    const class_ = { from: words.className(record["from_class"]), to: words.className(record["to_class"]) };
    const image = vote("vote_image");
    const confidence = vote("vote_confidence");
    const gates: Gate[] = [
      [vote("vote_class"), words.say("gate_class", class_)],
      [image, words.say(image === "no_vote" ? "gate_image_none" : "gate_image", { score: words.score(record["score"]) })],
      [vote("vote_width"), words.say("gate_width", { width: number(record["width_px"], 0), rule })],
      [
        confidence,
        words.say(confidence === "no_vote" ? "gate_confidence_none" : "gate_confidence", {
          before: words.score(record["confidence_before"]),
          after: words.score(record["confidence_after"]),
          rule: required,
        }),
      ],
    ];
    if (rules?.min_area_m2) {
      const area = { area: words.area(record["changed_m2"]), least: words.area(rules.min_area_m2) };
      gates.splice(3, 0, ["passed", words.say("gate_area", area)]);
    }
    return gates;
  }

  private pictures(hit: Hit): HTMLElement | null {
    const { words } = this;
    const of = this.state.facts.pictures.find((pictures) => pictures.id === hit.id);
    if (!of) return null;
    const picture = (href: string, date: "before" | "after"): HTMLElement =>
      h("figure", {}, h("img", { src: href, alt: words.say(date), loading: "lazy" }), h("figcaption", {}, words.say(date)));
    return h(
      "div",
      {},
      h("h3", {}, words.say("pictures")),
      h("div", { class: "pictures" }, picture(of.before, "before"), picture(of.after, "after")),
    );
  }

  private scenes(record: Record<string, Cell>): HTMLElement | null {
    const found = scenesOf(String(record["scene_ids"] ?? ""), this.state.facts.scenes);
    if (found.length === 0) return null;
    const { words } = this;
    const line = (scene: Scene): HTMLElement =>
      h(
        "li",
        {},
        h("span", { class: "id" }, scene.id),
        ` (${[
          ...(scene.date ? [words.say(scene.date)] : []),
          scene.acquired === null ? words.say("unknown_date") : words.date(scene.acquired),
        ].join(", ")})`,
      );
    const more = found.length > MOST_SCENES ? [h("li", {}, `+ ${words.count(found.length - MOST_SCENES)}`)] : [];
    return h(
      "div",
      {},
      h("h3", {}, words.say("scenes")),
      h("ul", { class: "scenes" }, found.slice(0, MOST_SCENES).map(line), more),
    );
  }

  private attributes(record: Record<string, Cell>): HTMLElement {
    const { words } = this;
    const known = this.state.facts.columns.filter((field) => record[field.name] !== undefined);
    const others = Object.keys(record).filter((name) => !known.some((field) => field.name === name));
    const fields = [...known, ...others.map((name) => this.field(name))];
    const row = (field: Field): HTMLElement =>
      h(
        "tr",
        {},
        h("th", { scope: "row", title: field.description ?? null }, words.title(field)),
        h("td", {}, words.cell(field, record[field.name])),
      );
    return h(
      "details",
      {},
      h("summary", {}, words.say("attributes")),
      h(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": words.say("attributes") },
        h(
          "table",
          { class: "attributes" },
          h("thead", {}, h("tr", {}, h("th", { scope: "col" }, words.say("attribute")), h("th", { scope: "col" }, words.say("value")))),
          h("tbody", {}, fields.map(row)),
        ),
      ),
    );
  }
}

/** The scenes of a feature: their ids, or their positions among the inputs, such as `#0-12,15`. */
export function scenesOf(text: string, scenes: Scene[]): Scene[] {
  if (text.startsWith("#")) {
    return text.slice(1).split(",").flatMap((part) => {
      const [first, last] = part.split("-").map(Number);
      return scenes.slice(first, (last ?? first ?? 0) + 1);
    });
  }
  const ids = text.split(",").filter((id) => id !== "");
  return ids.map((id) => scenes.find((scene) => scene.id === id) ?? { id, acquired: null, date: null });
}

/** The sentence about a feature without a score. */
export function whyUnscored(
  facts: Pick<Facts, "unscored">,
  record: Record<string, Cell>,
): "why_undecided" | "why_range" | "why_range_or_reference" | "why_reference" | "why_no_score" {
  const { overrides, ranges, undecided } = facts.unscored;
  // Where a decision changed the class, what was proposed is explained.
  const proposed = record["proposed_class"] ?? record["class_name"];
  if (undecided && proposed === undecided.class) return "why_undecided";
  if (ranges) return overrides ? "why_range_or_reference" : "why_range";
  return overrides ? "why_reference" : "why_no_score";
}
