// The map: tiles of the output, selection by pointer and keyboard, and both dates side by side.

import { LngLatBounds, Map as MapLibre, ScaleControl, addProtocol, setWorkerUrl } from "maplibre-gl";
import type { MapGeoJSONFeature, PointLike } from "maplibre-gl";
import { PMTiles, Protocol } from "pmtiles";
// The worker's program as text: see build.mjs.
import worker from "maplibre-gl/dist/maplibre-gl-worker.mjs?text";
import { drawing, fill, h, settled } from "./dom";
import type { Facts, Field, File } from "./facts";
import { RangeFile } from "./host";
import { pattern } from "./patterns";
import type { Cell } from "./rows";
import type { Geometry, Outline } from "./outline";
import type { SketchEvents } from "./sketch";
import { Sketch, showDecided } from "./sketch";
import type { State } from "./state";
import { canSwipe } from "./state";
import * as styles from "./style";
import { Swipe } from "./swipe";
import type { Words } from "./words";

export interface Hit {
  /** Of a feature; null for a point that stands for several, and for a zone. */
  id: string | null;
  record: Record<string, Cell>;
  /** Whether it is a zone. */
  isZone: boolean;
}

export interface MapEvents {
  /** Features were chosen at a place; none to end the selection. */
  chosen(hits: Hit[], byKeyboard: boolean): void;
  /** Reading the tiles failed. */
  failed(error: unknown): void;
  say(text: string): void;
}

const PADDING = 28;
/** Pixels around a place, one after the other, until a feature is found. */
const REACH = { pointer: [0, 5], keyboard: [0, 5, 15, 30] };

function register(facts: Facts): void {
  setWorkerUrl(URL.createObjectURL(new Blob([worker], { type: "text/javascript" })));
  const protocol = new Protocol();
  const files: File[] = facts.imagery.map((image) => image.file);
  if (facts.tiles) files.push(facts.tiles);
  if (facts.zone_map) files.push(facts.zone_map.file);
  for (const file of files) protocol.add(new PMTiles(new RangeFile(file)));
  addProtocol("pmtiles", protocol.tile);
}

/** A line of a tile as a record; the same columns as a row of the table. */
function hit(feature: MapGeoJSONFeature): Hit {
  const record: Record<string, Cell> = {};
  for (const [name, value] of Object.entries(feature.properties)) {
    record[name] = typeof value === "string" || typeof value === "number" ? value : value === null ? null : String(value);
  }
  const isZone = feature.source === "zones";
  return { id: !isZone && typeof record["id"] === "string" ? record["id"] : null, record, isZone };
}

export class ResultMap {
  readonly element = h("div", { class: "map-frame" });
  private readonly keys = h("p", { class: "map-keys" });
  private readonly hover = h("p", { class: "map-hover", "aria-hidden": "true" });
  private readonly buttons = h("div", { class: "map-buttons", role: "group" });
  private readonly main: MapLibre;
  private swipe: Swipe | null = null;
  /** An outline that is drawn: nothing else is chosen meanwhile. */
  private sketch: Sketch | null = null;

  constructor(
    parent: HTMLElement,
    private readonly state: State,
    private words: Words,
    private readonly events: MapEvents,
  ) {
    const { facts, shown } = state;
    register(facts);
    // The first view is made for the size that the map has.
    parent.append(this.element);
    const canvas = h("div", { class: "map" });
    this.element.append(canvas, h("div", { class: "cross", "aria-hidden": "true" }), this.keys, this.hover, this.buttons);
    if (facts.attribution !== null) this.element.append(h("p", { class: "attribution" }, facts.attribution));
    this.main = this.createMap(canvas, styles.classColumn(facts), null);
    this.main.addControl(new ScaleControl({ maxWidth: 120, unit: "metric" }), "bottom-left");
    this.main.on("error", (event) => events.failed(event.error));
    this.main.on("moveend", () => this.keepView());
    this.main.on("click", (event) => this.choose(event.point, "pointer"));
    const hovering = settled(40, () => this.showHover());
    this.main.on("mousemove", (event) => {
      this.pointer = [event.point.x, event.point.y];
      hovering();
    });
    this.main.on("mouseout", () => {
      this.pointer = null;
      this.hover.textContent = "";
    });
    this.main.getCanvas().addEventListener("keydown", (event) => this.onKey(event));
    this.translate(words);
    if (shown.swipe !== null) this.compare(shown.swipe);
    state.onChange((changed) => {
      if (changed.has("hiddenClasses") || changed.has("hiddenKinds") || changed.has("hiddenStates") || changed.has("score")) this.refilter();
      if (changed.has("patterns")) this.repattern();
      if (changed.has("selected")) this.mark();
      if (changed.has("swipe")) this.compare(state.shown.swipe);
      if ((["imagery", "opacity", "date", "swipe"] as const).some((key) => changed.has(key))) this.repaint(true);
      if ((["zones", "level", "figure", "zone"] as const).some((key) => changed.has(key))) this.repaint(false);
    });
  }

  private pointer: [number, number] | null = null;

  private createMap(container: HTMLElement, by: styles.ColoredBy, date: "before" | "after" | null): MapLibre {
    const { facts, shown } = this.state;
    const [west, south, east, north] = facts.extent;
    const place = shown.view
      ? { center: [shown.view.longitude, shown.view.latitude] as [number, number], zoom: shown.view.zoom }
      : { bounds: new LngLatBounds([west, south], [east, north]), fitBoundsOptions: { padding: PADDING, maxZoom: 17 } };
    const map = new MapLibre({
      container,
      style: styles.style(facts, shown, by, date),
      ...place,
      maxZoom: 22,
      maxPitch: 0,
      dragRotate: false,
      touchPitch: false,
      // An extent across the antimeridian goes beyond 180 degrees.
      renderWorldCopies: west < -180 || east > 180,
      fadeDuration: 0,
      // It reads the attribution of the archive as markup.
      attributionControl: false,
    });
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    map.on("load", () => {
      for (const index of facts.classes.keys()) {
        const image = pattern(index);
        if (image) map.addImage(styles.patternName(index), image);
      }
      if (facts.classes.length === 0) map.addImage(styles.patternName(0), new ImageData(16, 16));
    });
    return map;
  }

  /** Writes all texts in the language of the page. */
  translate(words: Words): void {
    this.words = words;
    this.main.getCanvas().setAttribute("aria-label", words.say("map_label"));
    this.main.getCanvas().setAttribute("role", "application");
    this.keys.textContent = words.say("map_keys");
    const button = (label: string, path: string, act: () => void): HTMLElement =>
      h("button", { type: "button", "aria-label": label, title: label, click: act }, drawing(path));
    fill(
      this.buttons,
      button(words.say("zoom_in"), "M8 2v12M2 8h12", () => void this.main.zoomIn()),
      button(words.say("zoom_out"), "M2 8h12", () => void this.main.zoomOut()),
      button(words.say("whole"), "M6 2H2v4M10 2h4v4M6 14H2v-4M10 14h4v-4", () => this.showWhole()),
      canSwipe(this.state.facts) ? this.swipeButton() : null,
    );
    this.swipe?.translate(words);
  }

  private swipeButton(): HTMLElement {
    const on = this.state.shown.swipe !== null;
    return h(
      "button",
      { type: "button", class: "wide", "aria-pressed": String(on), click: () => this.state.set({ swipe: on ? null : 0.5 }) },
      drawing("M2 3h12v10H2zM8 1v14"),
      " ",
      this.words.say(on ? "swipe_off" : "swipe_on"),
    );
  }

  /** Lays the earlier date over the left part, or ends that. */
  private compare(at: number | null): void {
    if (at !== null && this.swipe !== null) {
      this.swipe.moveTo(at);
      return;
    }
    if (at === null) {
      this.swipe?.remove();
      this.swipe = null;
    } else {
      this.swipe = new Swipe(this.element, this.main, this.words, at, {
        create: (container) => this.createMap(container, this.leftColumn(), "before"),
        moved: (to) => this.state.set({ swipe: to }),
        clicked: (point) => this.choose(point, "pointer"),
      });
      this.mark();
    }
    const focused = document.activeElement?.closest(".map-buttons") !== null;
    this.translate(this.words);
    if (focused) this.buttons.querySelector<HTMLElement>("button.wide")?.focus();
  }

  private leftColumn(): styles.ColoredBy {
    return this.state.facts.kind === "change" ? "from_class" : "class_name";
  }

  private maps(): MapLibre[] {
    return this.swipe ? [this.main, this.swipe.map] : [this.main];
  }

  /** Changes the style of each map, now or when it has one. */
  private restyle(change: (map: MapLibre) => void): void {
    for (const map of this.maps()) {
      if (map.getLayer("ground")) change(map);
      else void map.once("load", () => change(map));
    }
  }

  private refilter(): void {
    const filter = styles.filter(this.state.facts, this.state.shown);
    this.restyle((map) => {
      for (const layer of styles.filteredLayers()) if (map.getLayer(layer)) map.setFilter(layer, filter);
    });
  }

  /** Shows imagery and zones as they are asked for. Zones are more opaque without imagery. */
  private repaint(imagery: boolean): void {
    const { facts, shown } = this.state;
    const zones = styles.zonePaint(facts, shown);
    this.restyle((map) => {
      const isLeft = map === this.swipe?.map;
      const own = styles.imageryPaint(facts, shown, isLeft ? this.leftColumn() : styles.classColumn(facts), isLeft ? "before" : null);
      for (const [layer, on] of [...(imagery ? own.visible : []), ...zones.visible]) {
        if (map.getLayer(layer)) map.setLayoutProperty(layer, "visibility", on ? "visible" : "none");
      }
      for (const [layer, property, value] of [...(imagery ? own.paint : []), ...zones.paint]) {
        if (map.getLayer(layer)) map.setPaintProperty(layer, property as "fill-color", value as never);
      }
      for (const [layer, value] of zones.filters) if (map.getLayer(layer)) map.setFilter(layer, value);
    });
  }

  private repattern(): void {
    const visibility = this.state.shown.patterns ? "visible" : "none";
    this.restyle((map) => {
      if (map.getLayer("area-patterns")) map.setLayoutProperty("area-patterns", "visibility", visibility);
    });
  }

  private mark(): void {
    const chosen = styles.isSelected(this.state.shown.selected);
    this.restyle((map) => {
      for (const layer of styles.SELECTION_LAYERS) if (map.getLayer(layer)) map.setFilter(layer, chosen);
    });
  }

  private keepView(): void {
    const { lng: longitude, lat: latitude } = this.main.getCenter();
    this.state.set({ view: { longitude, latitude, zoom: this.main.getZoom() } });
  }

  private onKey(event: KeyboardEvent): void {
    if (this.sketch !== null || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    const { clientWidth, clientHeight } = this.main.getCanvas();
    this.choose({ x: clientWidth / 2, y: clientHeight / 2 }, "keyboard");
  }

  /** The features at a place, each once; of the nearest ring around it that has any. */
  private at(x: number, y: number, reach: number[]): Hit[] {
    for (const of of [styles.HIT_LAYERS, this.state.shown.zones ? styles.ZONE_LAYERS : []]) {
      const layers = of.filter((layer) => this.main.getLayer(layer));
      for (const by of layers.length > 0 ? reach : []) {
        const box: [PointLike, PointLike] = [
          [x - by, y - by],
          [x + by, y + by],
        ];
        const found = this.main.queryRenderedFeatures(by === 0 ? ([x, y] as PointLike) : box, { layers }).map(hit);
        const key = (one: Hit): unknown => one.id ?? this.zoneId(one.record);
        const first = found.filter((one, i) => found.findIndex((other) => key(other) === key(one)) === i);
        if (first.length > 0) return first;
      }
    }
    return [];
  }

  /** The id of a zone; null for a point that stands for several. */
  private zoneId(record: Record<string, Cell>): string | null {
    const id = record[this.state.facts.zone_map?.id ?? "id"] ?? null;
    return id === null ? null : String(id);
  }

  private choose(point: { x: number; y: number }, by: keyof typeof REACH): void {
    if (this.sketch !== null) return;
    const hits = this.at(point.x, point.y, REACH[by]);
    if (hits.length === 0 && by === "keyboard") this.events.say(this.words.say("nothing_here"));
    this.events.chosen(hits, by === "keyboard");
  }

  private showHover(): void {
    if (this.pointer === null || this.sketch !== null) return;
    const [x, y] = this.pointer;
    const first = this.at(x, y, [0])[0];
    const found = first?.record;
    this.main.getCanvas().style.cursor = found ? "pointer" : "";
    if (!found) {
      this.hover.textContent = "";
      return;
    }
    if (first.isZone) {
      const figure = styles.zoneFigure(this.state.facts, this.state.shown)?.column;
      const field = this.state.facts.zone_map?.columns.find((field) => field.name === figure);
      const of = (field: Field): string =>
        this.words.say("zone_of", { level: this.words.title(field), id: this.words.cell(field, found[field.name]) });
      const value = field ? [of(field)] : [];
      const count = this.words.say("zones_here", { count: this.words.count(Number(found["count"] ?? 1)) });
      this.hover.textContent = [this.zoneId(found) ?? count, ...value].join(" · ");
      return;
    }
    const kind = found["kind"] === undefined ? [] : [this.words.kind(found["kind"])];
    const { facts } = this.state;
    const byId = facts.classes.find((item) => item.id === found["class_id"]);
    const name = this.words.className(found[styles.classColumn(facts)] ?? byId?.name.en);
    this.hover.textContent = [...kind, name, this.words.score(found["score"]), this.words.area(found["area_m2"])].join(" · ");
  }

  showWhole(): void {
    const [west, south, east, north] = this.state.facts.extent;
    this.main.fitBounds([west, south, east, north], { padding: PADDING, maxZoom: 17, animate: !calm() });
  }

  /** Shows a box: west, south, east, north; `near` as large as its surroundings allow to be judged. */
  showBox(box: [number, number, number, number], near = false): void {
    this.resize();
    const { clientWidth, clientHeight } = this.element;
    const padding = near ? Math.min(clientWidth, clientHeight) / 3 : Math.min(90, clientWidth / 5, clientHeight / 5);
    const options = { padding, maxZoom: near ? 20 : 18, animate: !calm(), duration: near ? 250 : 600 };
    this.main.fitBounds(box, options);
  }

  /** Whether a place is on the part that is shown. */
  shows([west, south, east, north]: [number, number, number, number]): boolean {
    return this.main.getBounds().contains([(west + east) / 2, (south + north) / 2]);
  }

  /** The record of a feature in the tiles that are there. */
  loaded(id: string): Record<string, Cell> | null {
    for (const sourceLayer of ["features", "points"]) {
      const filter = styles.isSelected(id);
      const found = this.main.querySourceFeatures("features", { sourceLayer, filter })[0];
      if (found) return hit(found as MapGeoJSONFeature).record;
    }
    return null;
  }

  /** The record of a zone of the level that is shown, and its box, in the tiles that are there. */
  loadedZone(id: string): { record: Record<string, Cell>; box: [number, number, number, number] } | null {
    const { facts, shown } = this.state;
    if (!facts.zone_map || !this.main.getSource("zones")) return null;
    const filter = styles.isZone(facts, shown, id);
    const found = ["features", "points"].flatMap((sourceLayer) => this.main.querySourceFeatures("zones", { sourceLayer, filter }));
    const bounds = new LngLatBounds();
    const add = (part: unknown): void => {
      if (!Array.isArray(part)) return;
      if (typeof part[0] === "number") bounds.extend(part as [number, number]);
      else part.forEach(add);
    };
    for (const feature of found) if ("coordinates" in feature.geometry) add(feature.geometry.coordinates);
    const first = found[0];
    if (!first || bounds.isEmpty()) return null;
    const record = hit(first as MapGeoJSONFeature).record;
    return { record, box: [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()] };
  }

  /** Lets an outline be drawn, on one date. */
  async draw(outline: Outline, events: SketchEvents): Promise<Sketch> {
    this.state.set({ swipe: null });
    await this.styled();
    this.endDrawing();
    this.hover.textContent = "";
    this.element.classList.add("drawing-outline");
    this.sketch = new Sketch(this.main, outline, events);
    return this.sketch;
  }

  endDrawing(): void {
    this.sketch?.end();
    this.sketch = null;
    this.element.classList.remove("drawing-outline");
  }

  /** Shows outlines that were decided. */
  async showDecided(outlines: Geometry[]): Promise<void> {
    await this.styled();
    showDecided(this.main, outlines);
  }

  /** Resolves when the map has its style. */
  private async styled(): Promise<void> {
    if (!this.main.getLayer("ground")) await new Promise<void>((resolve) => void this.main.once("load", () => resolve()));
  }

  /** Calls once when all tiles are drawn. */
  whenDrawn(then: () => void): void {
    void this.main.once("idle", then);
  }

  resize(): void {
    for (const map of this.maps()) map.resize();
  }
}

function calm(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
