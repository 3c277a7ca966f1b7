// The earlier date over the left part of the map, with a divider that a pointer and the keyboard move.

import type { Map as MapLibre } from "maplibre-gl";
import { h } from "./dom";
import type { Words } from "./words";

export interface SwipeEvents {
  create(container: HTMLElement): MapLibre;
  moved(to: number): void;
  clicked(point: { x: number; y: number }): void;
}

/** Part that the keys move the divider by. */
const STEP = 0.02;

export class Swipe {
  readonly map: MapLibre;
  private readonly frame = h("div", { class: "map map-before" });
  private readonly divider = h("div", {
    class: "divider",
    role: "slider",
    tabindex: 0,
    "aria-orientation": "horizontal",
    "aria-valuemin": 0,
    "aria-valuemax": 100,
  });
  private readonly labels = [h("span", { class: "date-label left" }), h("span", { class: "date-label right" })];
  private readonly follow = (): void => this.copy(this.main, this.map);
  private readonly lead = (): void => this.copy(this.map, this.main);
  private copying = false;
  private at = 0.5;

  constructor(
    parent: HTMLElement,
    private readonly main: MapLibre,
    words: Words,
    at: number,
    private readonly events: SwipeEvents,
  ) {
    parent.querySelector(".map")?.after(this.frame);
    parent.append(this.divider, ...this.labels);
    this.map = events.create(this.frame);
    // The keyboard moves the map below, which has the focus; this one follows.
    this.map.getCanvas().setAttribute("tabindex", "-1");
    this.map.getCanvas().setAttribute("aria-hidden", "true");
    this.copy(main, this.map);
    main.on("move", this.follow);
    this.map.on("move", this.lead);
    this.map.on("click", (event) => events.clicked(event.point));
    this.divider.addEventListener("pointerdown", (event) => this.drag(event));
    this.divider.addEventListener("keydown", (event) => this.onKey(event));
    this.translate(words);
    this.moveTo(at);
  }

  translate(words: Words): void {
    this.divider.setAttribute("aria-label", words.say("swipe_label"));
    this.labels[0]?.replaceChildren(words.say("before"));
    this.labels[1]?.replaceChildren(words.say("after"));
  }

  /** Moves the divider: 0 is the left side of the map, 1 the right one. */
  moveTo(at: number): void {
    this.at = Math.min(Math.max(at, 0), 1);
    const percent = `${(100 * this.at).toFixed(2)}%`;
    this.frame.style.clipPath = `inset(0 calc(100% - ${percent}) 0 0)`;
    for (const element of [this.divider, ...this.labels]) element.style.left = percent;
    this.divider.setAttribute("aria-valuenow", String(Math.round(100 * this.at)));
  }

  remove(): void {
    this.main.off("move", this.follow);
    this.map.remove();
    for (const element of [this.frame, this.divider, ...this.labels]) element.remove();
  }

  private copy(from: MapLibre, to: MapLibre): void {
    if (this.copying) return;
    this.copying = true;
    to.jumpTo({ center: from.getCenter(), zoom: from.getZoom() });
    this.copying = false;
  }

  private drag(event: PointerEvent): void {
    this.divider.setPointerCapture(event.pointerId);
    const box = this.frame.getBoundingClientRect();
    const move = (to: PointerEvent): void => this.moveTo((to.clientX - box.left) / box.width);
    this.divider.addEventListener("pointermove", move);
    const end = (): void => {
      this.divider.removeEventListener("pointermove", move);
      this.events.moved(this.at);
    };
    this.divider.addEventListener("lostpointercapture", end, { once: true });
  }

  private onKey(event: KeyboardEvent): void {
    const to: Record<string, number> = {
      ArrowLeft: this.at - STEP,
      ArrowDown: this.at - STEP,
      ArrowRight: this.at + STEP,
      ArrowUp: this.at + STEP,
      PageDown: this.at - 5 * STEP,
      PageUp: this.at + 5 * STEP,
      Home: 0,
      End: 1,
    };
    const at = to[event.key];
    if (at === undefined) return;
    event.preventDefault();
    this.moveTo(at);
    this.events.moved(this.at);
  }
}
