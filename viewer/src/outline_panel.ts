// The part of a review in which a corrected outline is drawn, by keyboard, pointer or touch.

import { fill, h } from "./dom";
import type { ResultMap } from "./map";
import type { Geometry, OutlineLimits } from "./outline";
import { Outline, area, positions, problem } from "./outline";
import type { Sketch } from "./sketch";
import type { Key, Words } from "./words";

export interface OutlineEvents {
  /** The map, shown; null where the page has none. */
  map(): ResultMap | null;
  /** The outline that holds now: of the newest decision, else as it was proposed. */
  present(): Promise<Geometry | null>;
  /** Drawing began or ended, or the outline is another one. */
  changed(): void;
  say(text: string): void;
}

/** Pixels of a step of the keyboard, and of one with Shift. */
const STEP = [1, 10] as const;
const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class OutlinePanel {
  readonly element = h("fieldset", { class: "outline", id: "review-outline-panel" });
  private readonly status = h("p", { id: "review-outline-status", role: "status" });
  private readonly trouble = h("p", { class: "alert", id: "review-outline-trouble", role: "alert", hidden: true });
  private outline: Outline | null = null;
  private sketch: Sketch | null = null;
  private feature = "";
  /** What was drawn and is not decided yet, by feature. */
  private readonly drafts = new Map<string, Geometry>();
  /** Features whose proposed outline was chosen in place of one that was drawn or decided. */
  private readonly proposed = new Set<string>();
  private limits: OutlineLimits | null = null;
  private warning: Key | null = null;
  /** By the key that does the same; a single character only where shortcuts are on. */
  private readonly actions: Record<string, () => void> = {
    n: () => this.after(() => this.outline?.step(1)),
    p: () => this.after(() => this.outline?.step(-1)),
    a: () => this.add(),
    insert: () => this.add(),
    delete: () => this.remove(),
    backspace: () => this.remove(),
    z: () => this.undo(),
    w: () => this.after(() => this.outline?.clear()),
    "+": () => this.sketch?.zoom(1),
    "-": () => this.sketch?.zoom(-1),
    enter: () => this.enter(),
    escape: () => this.discard(),
  };

  constructor(
    private words: Words,
    private readonly events: OutlineEvents,
  ) {}

  /** Where outlines may be; null if the map does not say where it is. */
  limit(limits: OutlineLimits | null): void {
    this.limits = limits;
  }

  get canDraw(): boolean {
    return this.limits !== null;
  }

  get isDrawing(): boolean {
    return this.outline !== null;
  }

  /** What was drawn of the feature that is shown. */
  get drawn(): Geometry | null {
    return this.drafts.get(this.feature) ?? null;
  }

  /** Why what was drawn cannot be an outline. */
  get problem(): Key | null {
    const { drawn, limits } = this;
    const found = drawn === null || limits === null ? null : problem(drawn, limits);
    return found === null ? null : `outline_bad_${found}`;
  }

  /** Another feature is shown: what was drawn of the one before is kept for it. */
  open(feature: string): void {
    if (feature === this.feature) return;
    if (this.isDrawing) this.keep(true);
    this.feature = feature;
  }

  /** Whether the proposed outline was chosen in place of a decided one. */
  get isProposed(): boolean {
    return this.proposed.has(this.feature);
  }

  /** It is decided, or nothing was chosen: the outline that was decided, else the proposed one. */
  forget(feature = this.feature): void {
    this.drafts.delete(feature);
    this.proposed.delete(feature);
    this.events.changed();
  }

  /** The proposed outline, also where another one was decided. */
  takeProposed(): void {
    this.drafts.delete(this.feature);
    this.proposed.add(this.feature);
    this.events.changed();
  }

  translate(words: Words): void {
    this.words = words;
    this.drawForm();
    this.draw();
  }

  /** Begins to draw; the caller shows errors. */
  async begin(): Promise<void> {
    if (this.isDrawing || this.limits === null) return;
    const { feature } = this;
    const map = this.events.map();
    if (map === null) {
      this.events.say(this.words.say("outline_no_map"));
      return;
    }
    const present = this.drawn ?? (await this.events.present());
    if (feature !== this.feature || this.isDrawing) return;
    const isTooLong = present === null || positions(present) > this.limits.positions;
    const outline = (isTooLong ? null : Outline.of(present)) ?? Outline.empty();
    const sketch = await map.draw(outline, { changed: () => this.draw(), closed: () => this.after(() => undefined) });
    if (feature !== this.feature) {
      map.endDrawing();
      return;
    }
    [this.outline, this.sketch] = [outline, sketch];
    this.warning = isTooLong ? "outline_too_long" : null;
    this.drawForm();
    this.draw();
    this.events.changed();
    this.element.focus();
  }

  /** Whether the key was one of drawing. */
  onKey(event: KeyboardEvent, hasShortcuts: boolean): boolean {
    const { outline, sketch } = this;
    if (outline === null || sketch === null || event.altKey) return false;
    const key = event.key.toLowerCase();
    const isUndo = (event.ctrlKey || event.metaKey) && key === "z";
    if ((event.ctrlKey || event.metaKey) && !isUndo) return false;
    // Tabs and the divider of dates have arrow keys of their own.
    if (event.target instanceof Element && event.target.closest("[role=tab], [role=slider], [role=separator]") !== null) return false;
    const arrow = ARROWS[event.key];
    if (arrow !== undefined) {
      const step = STEP[event.shiftKey ? 1 : 0];
      sketch.nudge(arrow[0] * step, arrow[1] * step);
      this.after(() => undefined);
      return true;
    }
    // A button does what it says, and is no point that could be removed.
    const isControl = event.target instanceof Element && event.target.closest("a, button, summary") !== null;
    if (isControl && ["Enter", " ", "Delete", "Backspace"].includes(event.key)) return false;
    if (key.length === 1 && !isUndo && !hasShortcuts) return false;
    const act = this.actions[key];
    if (act === undefined) return false;
    act();
    return true;
  }

  /** Does something with the outline, and shows what came of it. */
  private after(act: () => void): void {
    this.warning = null;
    act();
    this.sketch?.follow();
    this.draw();
  }

  private add(): void {
    this.after(() => {
      const { outline, sketch } = this;
      if (outline === null || sketch === null) return;
      const middle = outline.isOpen ? null : (outline.middles[outline.at] ?? null);
      outline.insert(outline.isOpen ? outline.points.length - 1 : outline.at, middle ?? sketch.beside());
    });
  }

  private remove(): void {
    this.after(() => {
      if (this.outline?.remove() === false) this.warning = "outline_least";
    });
  }

  private undo(): void {
    this.after(() => {
      if (this.outline?.undo() === false) this.warning = "outline_nothing_to_undo";
    });
  }

  private enter(): void {
    const { outline } = this;
    if (outline === null) return;
    if (outline.isOpen) {
      this.after(() => {
        if (!outline.close()) this.warning = "outline_bad_few";
      });
    } else this.keep(false);
  }

  /** Ends drawing with what was drawn; only a valid outline, but for one that is left for another feature. */
  private keep(always: boolean): void {
    const { outline, limits } = this;
    if (outline === null || limits === null) return;
    if (always) outline.close();
    const geometry = outline.toGeometry();
    const found = problem(geometry, limits);
    if (found !== null && !always) {
      this.after(() => (this.warning = `outline_bad_${found}`));
      return;
    }
    // A line of less than three points is no outline.
    if (outline.canUndo && !outline.isOpen) {
      this.drafts.set(this.feature, geometry);
      this.proposed.delete(this.feature);
    }
    this.end();
    // Without a change there is nothing to save.
    if (!always) this.events.say(this.words.say(this.drawn === null ? "outline_discarded" : "outline_kept"));
  }

  private discard(): void {
    this.end();
    this.events.say(this.words.say("outline_discarded"));
  }

  private end(): void {
    this.events.map()?.endDrawing();
    [this.outline, this.sketch, this.warning] = [null, null, null];
    fill(this.element);
    this.events.changed();
  }

  private drawForm(): void {
    if (!this.isDrawing) return;
    const { words } = this;
    const button = (key: string, shown: string, name: Key): HTMLElement =>
      h("button", { type: "button", id: `outline-key-${key}`, click: () => this.actions[key]?.() }, h("kbd", {}, shown), " ", words.say(name));
    this.element.tabIndex = -1;
    fill(
      this.element,
      h("legend", {}, words.say("outline")),
      h("p", { class: "more", id: "review-outline-more" }, words.say("outline_more")),
      this.status,
      this.trouble,
      h(
        "div",
        { class: "acts" },
        button("n", "N", "outline_next"),
        button("p", "P", "outline_previous"),
        button("a", "A", "outline_add"),
        button("delete", words.language === "fr" ? "Suppr" : "Del", "outline_remove"),
        button("z", "Z", "outline_undo"),
        button("w", "W", "outline_anew"),
        button("enter", "↵", "outline_keep"),
        button("escape", words.language === "fr" ? "Échap" : "Esc", "outline_discard"),
      ),
    );
  }

  private draw(): void {
    const { outline, words, limits } = this;
    if (outline === null || limits === null) return;
    this.sketch?.draw();
    const count = outline.points.length;
    const where = count === 0 ? words.say("outline_none") : words.say("outline_point", { n: words.count(outline.at + 1), all: words.count(count) });
    const geometry = outline.toGeometry();
    this.status.textContent = [where, outline.isOpen ? words.say("outline_open") : words.area(area(geometry))].join(" · ");
    const found = outline.isOpen ? null : problem(geometry, limits);
    const key: Key | null = this.warning ?? (found === null ? null : `outline_bad_${found}`);
    const trouble = key === null ? "" : words.say(key, this.values);
    this.trouble.hidden = key === null;
    // Read aloud only when it is another one.
    if (this.trouble.textContent !== trouble) this.trouble.textContent = trouble;
  }

  /** What texts about the limits name. */
  get values(): Record<string, string> {
    const { limits, words } = this;
    return limits === null ? {} : { most: words.count(limits.positions), area: words.area(limits.area_m2) };
  }

  /** What was drawn, in one line; null if nothing was. */
  summary(): string | null {
    const { drawn, words } = this;
    return drawn === null ? null : words.say("outline_drawn", { points: words.count(positions(drawn)), area: words.area(area(drawn)) });
  }
}
