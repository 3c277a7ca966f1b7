// What is shown, and the link that holds it.

import type { Facts, Language } from "./facts";

export type Tab = "map" | "table" | "zones" | "about";

export interface View {
  longitude: number;
  latitude: number;
  zoom: number;
}

export interface Shown {
  language: Language;
  tab: Tab;
  view: View | null;
  /** Class ids that are hidden. */
  hiddenClasses: Set<number>;
  /** Kinds of events that are hidden. */
  hiddenKinds: Set<string>;
  /** States of review that are hidden. */
  hiddenStates: Set<string>;
  /** Features with a lower score are hidden; those without a score are not. */
  score: number;
  /** Id of the selected feature. */
  selected: string | null;
  /** Place of the divider, 0 to 1; null without a comparison of dates. */
  swipe: number | null;
  patterns: boolean;
  /** Whether the imagery is shown, how opaque it is (0 to 1), and of which date where there are two. */
  imagery: boolean;
  opacity: number;
  date: "before" | "after";
  /** Whether features are drawn so faintly over the imagery that it can be judged; no part of a link. */
  faint?: boolean;
  /** Whether zones are shown, the number of their level, and the column that they are colored by. */
  zones: boolean;
  level: number;
  figure: string | null;
  /** Id of the selected zone, in the level. */
  zone: string | null;
}

export type Change = keyof Shown;

/** Holds what is shown, and calls listeners on each change. */
export class State {
  private readonly listeners: ((changed: Set<Change>) => void)[] = [];

  constructor(
    readonly facts: Facts,
    readonly shown: Shown,
  ) {}

  onChange(listener: (changed: Set<Change>) => void): void {
    this.listeners.push(listener);
  }

  set(change: Partial<Shown>): void {
    const changed = new Set(Object.keys(change) as Change[]);
    Object.assign(this.shown, change);
    history.replaceState(null, "", `#${written(this.shown, this.facts)}`);
    for (const listener of this.listeners) listener(changed);
  }
}

/** The part of a link after `#`. Only what differs from a fresh page is written, beside the view. */
export function written(shown: Shown, facts: Facts): string {
  const parts = new URLSearchParams();
  if (shown.view) {
    const { longitude, latitude, zoom } = shown.view;
    parts.set("view", [longitude.toFixed(6), latitude.toFixed(6), zoom.toFixed(2)].join(","));
  }
  if (shown.tab !== "map") parts.set("tab", shown.tab);
  if (shown.language !== facts.language) parts.set("lang", shown.language);
  if (shown.hiddenClasses.size > 0) parts.set("hide", [...shown.hiddenClasses].sort((a, b) => a - b).join(","));
  if (shown.hiddenKinds.size > 0) parts.set("hide-kinds", [...shown.hiddenKinds].sort().join(","));
  if (shown.hiddenStates.size > 0) parts.set("hide-states", [...shown.hiddenStates].sort().join(","));
  if (shown.score > 0) parts.set("score", String(shown.score));
  if (shown.selected !== null) parts.set("feature", shown.selected);
  if (shown.swipe !== null) parts.set("swipe", shown.swipe.toFixed(2));
  if (shown.patterns) parts.set("patterns", "1");
  if (!shown.imagery) parts.set("imagery", "0");
  if (shown.opacity !== 1) parts.set("opacity", String(shown.opacity));
  if (shown.date !== "after") parts.set("date", shown.date);
  if (!shown.zones) parts.set("zones", "0");
  if (shown.level !== 0) parts.set("level", String(shown.level));
  if (shown.figure !== (facts.zone_map?.color ?? null)) parts.set("figure", shown.figure ?? "");
  if (shown.zone !== null) parts.set("zone", shown.zone);
  return parts.toString();
}

/** A number in a range, or null. */
function within(text: string | undefined | null, low: number, high: number): number | null {
  if (text === undefined || text === null || text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) && value >= low && value <= high ? value : null;
}

/** What a link asks for. Anything in it that the page does not have is ignored. */
export function read(hash: string, facts: Facts): Shown {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const [longitude, latitude, zoom] = (parts.get("view") ?? "").split(",");
  const view = [within(longitude, -360, 360), within(latitude, -90, 90), within(zoom, 0, 24)] as const;
  const language = parts.get("lang");
  const tab = parts.get("tab");
  const ids = (parts.get("hide") ?? "").split(",").filter((id) => /^\d{1,3}$/.test(id)).map(Number);
  const kinds = (parts.get("hide-kinds") ?? "").split(",");
  const states = (parts.get("hide-states") ?? "").split(",");
  const selected = parts.get("feature");
  return {
    language: language === "en" || language === "fr" ? language : facts.language,
    tab: tab !== null && tabsOf(facts).includes(tab as Tab) ? (tab as Tab) : "map",
    view:
      view[0] !== null && view[1] !== null && view[2] !== null
        ? { longitude: view[0], latitude: view[1], zoom: view[2] }
        : null,
    hiddenClasses: new Set(ids.filter((id) => facts.classes.some((item) => item.legend && item.id === id))),
    hiddenKinds: new Set(kinds.filter((name) => facts.kinds.some((item) => item.name === name))),
    hiddenStates: new Set(states.filter((name) => facts.states.some((item) => item.name === name))),
    score: within(parts.get("score"), 0, 1) ?? 0,
    selected: selected !== null && /^[0-9a-f]{1,64}$/.test(selected) ? selected : null,
    swipe: canSwipe(facts) ? within(parts.get("swipe"), 0, 1) : null,
    patterns: parts.get("patterns") === "1",
    imagery: parts.get("imagery") !== "0",
    opacity: within(parts.get("opacity"), 0, 1) ?? 1,
    date: parts.get("date") === "before" ? "before" : "after",
    zones: parts.get("zones") !== "0",
    level: Math.floor(within(parts.get("level"), 0, Math.max(0, (facts.zone_map?.levels.length ?? 0) - 1)) ?? 0),
    figure: figureOf(parts.get("figure"), facts),
    zone: facts.zone_map === null ? null : parts.get("zone"),
  };
}

/** The column that zones are colored by: as a link names it, none if it is empty, else that of the output. */
function figureOf(text: string | null, facts: Facts): string | null {
  const map = facts.zone_map;
  if (map === null || text === "") return null;
  return map.figures.some((figure) => figure.column === text) ? text : map.color;
}

/** The views that an output has. */
export function tabsOf(facts: Facts): Tab[] {
  const own: Tab[] = facts.kind === "zonal" ? ["map"] : ["map", "table"];
  return [...own, ...(facts.zones.length > 0 ? (["zones"] as const) : []), "about"];
}

/** Whether both dates can be laid side by side: as images, or as the classes of events. */
export function canSwipe(facts: Facts): boolean {
  const dates = new Set(facts.imagery.map((image) => image.date));
  return (dates.has("before") && dates.has("after")) || (facts.kind === "change" && facts.tiles !== null);
}
