// What lies under and over the features: imagery and zones, with their controls beside the map.

import { h, settled } from "./dom";
import type { Figure } from "./facts";
import type { State } from "./state";
import { figureColors, imageryDates, zoneFigure } from "./style";
import type { Words } from "./words";

/** Draws the controls; `again` draws them anew, with the focus on the element of an id. */
export class LayerControls {
  constructor(
    private readonly state: State,
    private readonly again: (focus: string) => void,
  ) {}

  draw(words: Words): HTMLElement[] {
    const { facts } = this.state;
    return [
      ...(facts.imagery.length > 0 ? [this.imagery(words)] : []),
      ...(facts.zone_map !== null ? [this.zones(words)] : []),
    ];
  }

  private box(id: string, text: string, checked: boolean, change: (on: boolean) => void): HTMLElement {
    const input = h("input", {
      type: "checkbox",
      id,
      checked,
      change: (event) => {
        change((event.target as HTMLInputElement).checked);
        this.again(id);
      },
    });
    return h("label", { class: "option" }, input, text);
  }

  private choice(id: string, label: string, options: [string, string][], chosen: string, change: (to: string) => void): HTMLElement {
    const select = h(
      "select",
      {
        id,
        change: (event) => {
          change((event.target as HTMLSelectElement).value);
          this.again(id);
        },
      },
      options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
    );
    return h("div", { class: "choice" }, h("label", { for: id }, label), select);
  }

  private imagery(words: Words): HTMLElement {
    const { state } = this;
    const { shown } = state;
    const output = h("output", { for: "imagery-opacity", class: "count" }, words.percent(shown.opacity));
    const slider = h("input", { id: "imagery-opacity", type: "range", min: 0, max: 1, step: 0.05, value: shown.opacity });
    const apply = settled(30, () => state.set({ opacity: Number(slider.value) }));
    slider.addEventListener("input", () => {
      output.textContent = words.percent(Number(slider.value));
      apply();
    });
    const dates = imageryDates(state.facts);
    const both = dates.includes("before") && dates.includes("after");
    const date = (to: string): void => state.set({ date: to === "before" ? "before" : "after" });
    return h(
      "fieldset",
      { class: "layer" },
      h("legend", {}, words.say("imagery")),
      this.box("imagery", words.say("imagery_show"), shown.imagery, (on) => state.set({ imagery: on })),
      h("div", { class: "score" }, h("label", { for: "imagery-opacity" }, words.say("opacity")), output, slider),
      both && shown.swipe === null
        ? this.choice("imagery-date", words.say("imagery_date"), [["before", words.say("before")], ["after", words.say("after")]], shown.date, date)
        : null,
    );
  }

  private zones(words: Words): HTMLElement {
    const { state } = this;
    const { facts, shown } = state;
    const map = facts.zone_map;
    if (map === null) return h("div");
    const title = (figure: Figure): string => {
      const field = map.columns.find((field) => field.name === figure.column);
      return field ? words.title(field) : figure.column;
    };
    const figures: [string, string][] = map.figures.map((figure) => [figure.column, title(figure)]);
    const levels: [string, string][] = map.levels.map((level, i) => [String(i), level]);
    return h(
      "fieldset",
      { class: "layer" },
      h("legend", {}, words.say("tab_zones")),
      this.box("zones", words.say("zones_show"), shown.zones, (on) => state.set({ zones: on })),
      levels.length > 1
        ? this.choice("zones-level", words.say("level"), levels, String(shown.level), (to) => state.set({ level: Number(to) }))
        : null,
      figures.length > 0
        ? this.choice("zones-figure", words.say("color_by"), [["", words.say("no_figure")], ...figures], shown.figure ?? "", (to) =>
            state.set({ figure: to === "" ? null : to }),
          )
        : null,
      this.key(words),
    );
  }

  /** The groups of the figure with their colors. */
  private key(words: Words): HTMLElement | null {
    const { facts, shown } = this.state;
    const figure = zoneFigure(facts, shown);
    const field = facts.zone_map?.columns.find((field) => field.name === figure?.column);
    if (!figure || !field) return null;
    const number = (value: number | undefined): string => words.cell(field, value ?? null);
    const colors = figureColors(figure);
    const text = (i: number): string => {
      if (i === 0) return words.say("below", { value: number(figure.breaks[0]) });
      if (i === colors.length - 1) return words.say("from_on", { value: number(figure.breaks[i - 1]) });
      return words.say("between", { low: number(figure.breaks[i - 1]), high: number(figure.breaks[i]) });
    };
    const line = (color: string, i: number): HTMLElement => {
      const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
      swatch.style.background = color;
      return h("li", {}, swatch, h("span", { class: "name" }, text(i)));
    };
    return h("ul", { class: "key", "aria-label": words.title(field) }, colors.map(line));
  }
}
