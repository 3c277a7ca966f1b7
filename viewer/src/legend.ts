// The panel beside the map and the table: legend, filters, search.

import { fill, h, settled } from "./dom";
import { LayerControls } from "./layers";
import { swatch } from "./patterns";
import type { State } from "./state";
import type { Key, Words } from "./words";

export interface LegendEvents {
  /** A search for the beginning of an identifier; the text says what came of it. */
  search(id: string): Promise<string>;
}

interface Choice {
  name: string;
  count: number | null;
  shown: boolean;
  swatch: HTMLElement | null;
  toggle(on: boolean): void;
}

export class Legend {
  readonly element = h("div", { class: "legend" });
  private readonly outcome = h("p", { class: "outcome", role: "status" });
  private readonly input = h("input", {
    id: "search",
    type: "search",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 64,
    "aria-describedby": "search-more",
  });

  constructor(
    private readonly state: State,
    private words: Words,
    private readonly events: LegendEvents,
  ) {
    this.layers = new LayerControls(state, (focus) => {
      this.draw();
      this.element.querySelector<HTMLElement>(`#${focus}`)?.focus();
    });
    state.onChange((changed) => {
      const redraw = ["hiddenClasses", "hiddenKinds", "hiddenStates", "patterns", "score", "swipe", "level"] as const;
      if (redraw.some((key) => changed.has(key)) && !this.own) this.draw();
    });
    this.draw();
  }

  private readonly layers: LayerControls;
  /** Whether the change came from this panel, which shows it already. */
  private own = false;

  translate(words: Words): void {
    this.words = words;
    this.outcome.textContent = "";
    this.draw();
  }

  private set(change: Parameters<State["set"]>[0]): void {
    this.own = true;
    this.state.set(change);
    this.own = false;
  }

  private draw(): void {
    const { facts } = this.state;
    fill(
      this.element,
      h("h2", {}, this.words.say(facts.kind === "zonal" ? "legend" : "filters")),
      ...this.layers.draw(this.words),
      ...(facts.kind === "zonal" ? [] : this.filters()),
    );
  }

  private filters(): (HTMLElement | null)[] {
    const { facts } = this.state;
    const isChange = facts.kind === "change";
    return [
      facts.classes.some((item) => item.legend) ? this.classes(isChange ? "classes_after" : "classes") : null,
      facts.kinds.length > 0 ? this.kinds() : null,
      facts.states.length > 0 ? this.states() : null,
      this.score(),
      this.searchForm(),
      h("button", { type: "button", class: "quiet", click: () => this.reset() }, this.words.say("reset")),
    ];
  }

  private reset(): void {
    this.state.set({ hiddenClasses: new Set(), hiddenKinds: new Set(), hiddenStates: new Set(), score: 0 });
    this.element.querySelector<HTMLElement>(":scope > button.quiet")?.focus();
  }

  private classes(title: Key): HTMLElement {
    const { facts, shown } = this.state;
    const shownClasses = [...facts.classes.entries()].filter(([, item]) => item.legend);
    const choices = shownClasses.map(([index, item]): Choice => ({
      name: this.words.of(item.name),
      count: item.features,
      shown: !shown.hiddenClasses.has(item.id),
      swatch: swatch(item.color, index, shown.patterns),
      toggle: (on) => {
        const hidden = new Set(this.state.shown.hiddenClasses);
        if (on) hidden.delete(item.id);
        else hidden.add(item.id);
        this.set({ hiddenClasses: hidden });
      },
    }));
    const all = (on: boolean): void =>
      this.state.set({ hiddenClasses: new Set(on ? [] : shownClasses.map(([, item]) => item.id)) });
    const patterns = h(
      "label",
      { class: "option" },
      h("input", {
        type: "checkbox",
        id: "patterns",
        checked: shown.patterns,
        change: (event) => {
          this.state.set({ patterns: (event.target as HTMLInputElement).checked });
          this.element.querySelector<HTMLElement>("#patterns")?.focus();
        },
      }),
      this.words.say("patterns"),
    );
    return this.group(title, choices, all, patterns);
  }

  private kinds(): HTMLElement {
    const { facts, shown } = this.state;
    const choices = facts.kinds.map((item): Choice => ({
      name: this.words.kind(item.name),
      count: item.features,
      shown: !shown.hiddenKinds.has(item.name),
      swatch: null,
      toggle: (on) => {
        const hidden = new Set(this.state.shown.hiddenKinds);
        if (on) hidden.delete(item.name);
        else hidden.add(item.name);
        this.set({ hiddenKinds: hidden });
      },
    }));
    const all = (on: boolean): void =>
      this.state.set({ hiddenKinds: new Set(on ? [] : facts.kinds.map((item) => item.name)) });
    return this.group("kinds", choices, all, null);
  }

  private states(): HTMLElement {
    const { facts, shown } = this.state;
    const choices = facts.states.map((item, index): Choice => ({
      name: this.words.of(item.title),
      count: item.features,
      shown: !shown.hiddenStates.has(item.name),
      swatch: swatch(item.color, index, false),
      toggle: (on) => {
        const hidden = new Set(this.state.shown.hiddenStates);
        if (on) hidden.delete(item.name);
        else hidden.add(item.name);
        this.set({ hiddenStates: hidden });
      },
    }));
    const all = (on: boolean): void =>
      this.state.set({ hiddenStates: new Set(on ? [] : facts.states.map((item) => item.name)) });
    return this.group("states", choices, all, null);
  }

  private group(
    title: Key,
    choices: Choice[],
    all: (on: boolean) => void,
    more: HTMLElement | null,
  ): HTMLElement {
    const name = `${title}-of-all`;
    const both = (on: boolean, text: Key): HTMLElement =>
      h(
        "button",
        {
          type: "button",
          class: "small",
          id: `${name}-${on}`,
          click: () => {
            all(on);
            this.element.querySelector<HTMLElement>(`#${name}-${on}`)?.focus();
          },
        },
        this.words.say(text),
        h("span", { class: "hidden" }, ` (${this.words.say(title)})`),
      );
    const item = (choice: Choice): HTMLElement =>
      h(
        "li",
        {},
        h(
          "label",
          {},
          h("input", {
            type: "checkbox",
            checked: choice.shown,
            change: (event) => choice.toggle((event.target as HTMLInputElement).checked),
          }),
          choice.swatch,
          h("span", { class: "name" }, choice.name),
          choice.count === null ? null : h("span", { class: "count" }, this.words.count(choice.count)),
        ),
      );
    return h(
      "fieldset",
      {},
      h("legend", {}, this.words.say(title)),
      h("div", { class: "both" }, both(true, "all"), both(false, "none")),
      h("ul", { class: "choices" }, choices.map(item)),
      more,
    );
  }

  private score(): HTMLElement {
    const output = h("output", { for: "score", class: "count" }, this.words.score(this.state.shown.score));
    const slider = h("input", {
      id: "score",
      type: "range",
      min: 0,
      max: 1,
      step: 0.01,
      value: this.state.shown.score,
      "aria-describedby": "score-more",
    });
    const apply = settled(60, () => this.set({ score: Number(slider.value) }));
    slider.addEventListener("input", () => {
      output.textContent = this.words.score(Number(slider.value));
      apply();
    });
    return h(
      "div",
      { class: "score" },
      h("label", { for: "score" }, this.words.say("score")),
      output,
      slider,
      h("p", { id: "score-more", class: "more" }, this.words.say("score_more")),
    );
  }

  private searchForm(): HTMLElement {
    const submit = async (event: Event): Promise<void> => {
      event.preventDefault();
      const id = this.input.value.trim().toLowerCase();
      if (!/^[0-9a-f]{4,64}$/.test(id)) {
        this.outcome.textContent = this.words.say("not_an_id");
        return;
      }
      this.outcome.textContent = this.words.say("searching");
      this.outcome.textContent = await this.events.search(id);
    };
    return h(
      "form",
      { class: "search", role: "search", submit: (event) => void submit(event) },
      h("label", { for: "search" }, this.words.say("search")),
      h("div", { class: "row" }, this.input, h("button", { type: "submit" }, this.words.say("find"))),
      h("p", { id: "search-more", class: "more" }, this.words.say("search_more")),
      this.outcome,
    );
  }
}
