// A table that is sorted, filtered, paged and downloaded; of features, and of zones.

import { download, fill, h, settled } from "./dom";
import type { Field } from "./facts";
import type { Cell, Rows } from "./rows";
import { csvLine } from "./rows";
import type { Words } from "./words";

export interface TableOptions {
  /** Prefix of the ids of its elements. */
  name: string;
  caption(words: Words): string;
  /** Columns that are shown before all are asked for. */
  essential: string[];
  /** Name of the CSV file. */
  file: string;
  /** Whether a row passes the filters of the page, by the values of the columns named. */
  filter?: { columns(): string[]; passes(cells: Cell[]): boolean };
  /** The button of each row. */
  action?: { label(words: Words): string; act(row: number): void };
  /** A swatch beside a value. */
  swatch?(field: Field, value: Cell): HTMLElement | null;
  failed(error: unknown): void;
}

interface Sort {
  column: string;
  direction: 1 | -1;
}

/** Rows of a CSV file that are read at a time. */
const BATCH = 20_000;
const PAGE_SIZES = [25, 50, 100];

export class DataTable {
  readonly element: HTMLElement;
  private readonly status = h("p", { class: "status", role: "status" });
  private readonly tools = h("div", { class: "tools" });
  private readonly frame = h("div", { class: "scroll", tabindex: 0, role: "region" });
  private readonly pager = h("nav", { class: "pager" });
  private rows: Rows | null = null;
  private order: ArrayLike<number> = [];
  private sort: Sort | null = null;
  private page = 0;
  private pageSize = 25;
  private all = false;
  private own: { column: string; text: string; from: string; to: string } = { column: "", text: "", from: "", to: "" };
  /** Work of an earlier request is dropped. */
  private turn = 0;

  constructor(
    private words: Words,
    private readonly options: TableOptions,
  ) {
    this.element = h("div", { class: "data-table" }, this.tools, this.status, this.frame, this.pager);
  }

  translate(words: Words): void {
    this.words = words;
    if (this.rows === null) return;
    this.drawTools();
    void this.drawPage();
  }

  /** Takes the rows and shows the first page. */
  async open(rows: Rows): Promise<void> {
    this.rows = rows;
    this.drawTools();
    await this.refresh();
  }

  private progress = (part: number): void => {
    this.status.textContent = this.words.say("loading_part", { percent: Math.round(100 * part) });
  };

  /** Filters and sorts anew. */
  async refresh(): Promise<void> {
    const { rows } = this;
    if (rows === null) return;
    const turn = ++this.turn;
    this.status.textContent = this.words.say("loading");
    try {
      const order = await this.ordered(rows);
      if (turn !== this.turn) return;
      [this.order, this.page] = [order, 0];
      await this.drawPage();
    } catch (error) {
      this.options.failed(error);
    }
  }

  private async ordered(rows: Rows): Promise<ArrayLike<number>> {
    const kept = await this.kept(rows);
    if (this.sort === null) return kept;
    const { column, direction } = this.sort;
    const values = await rows.column(column, this.progress);
    const isText = rows.fields.find((field) => field.name === column)?.type === "string";
    const collator = new Intl.Collator(this.words.language);
    const rank = isText ? ranks(values, (a, b) => collator.compare(a, b)) : values;
    // Rows without a value come last in both directions; equal ones keep the order of the file.
    return Uint32Array.from(kept).sort((a, b) => {
      const [left, right] = [rank[a] as number | null, rank[b] as number | null];
      if (left === null || right === null) return Number(left === null) - Number(right === null) || a - b;
      return direction * (left - right) || a - b;
    });
  }

  private async kept(rows: Rows): Promise<ArrayLike<number>> {
    const shared = this.options.filter?.columns().filter((name) => rows.fields.some((field) => field.name === name)) ?? [];
    const own = this.ownFilter(rows);
    const names = own ? [...shared, this.own.column] : shared;
    if (names.length === 0) return Uint32Array.from({ length: rows.count }, (_, i) => i);
    const columns: ArrayLike<Cell>[] = [];
    for (const name of names) columns.push(await rows.column(name, this.progress));
    const kept: number[] = [];
    for (let row = 0; row < rows.count; row++) {
      const cells = columns.map((column) => column[row] ?? null);
      const passes = shared.length === 0 || this.options.filter?.passes(cells);
      if (passes && (!own || own(cells.at(-1) ?? null))) kept.push(row);
    }
    return kept;
  }

  /** The filter of one column that is set above the table. */
  private ownFilter(rows: Rows): ((cell: Cell) => boolean) | null {
    const { column, text, from, to } = this.own;
    const field = rows.fields.find((field) => field.name === column);
    if (!field) return null;
    if (field.type === "string") {
      const wanted = text.trim().toLocaleLowerCase();
      if (wanted === "") return null;
      return (cell) => cell !== null && `${cell}\n${this.words.cell(field, cell)}`.toLocaleLowerCase().includes(wanted);
    }
    const [low, high] = [from === "" ? -Infinity : Number(from), to === "" ? Infinity : Number(to)];
    if (from === "" && to === "") return null;
    return (cell) => typeof cell === "number" && cell >= low && cell <= high;
  }

  private shownFields(): Field[] {
    const fields = this.rows?.fields ?? [];
    const essential = this.options.essential.flatMap((name) => fields.find((field) => field.name === name) ?? []);
    if (this.all || essential.length === 0) return fields;
    return essential;
  }

  private async drawPage(): Promise<void> {
    const { rows, words } = this;
    if (rows === null) return;
    const turn = this.turn;
    const fields = this.shownFields();
    const names = fields.map((field) => field.name);
    const start = this.page * this.pageSize;
    const shown = Array.from({ length: Math.min(this.pageSize, this.order.length - start) }, (_, i) => this.order[start + i] ?? 0);
    let cells: Cell[][];
    try {
      cells = await rows.cells(shown, names, this.progress);
    } catch (error) {
      this.options.failed(error);
      return;
    }
    if (turn !== this.turn) return;
    const focused = this.element.contains(document.activeElement) ? (document.activeElement?.id ?? "") : "";
    this.frame.setAttribute("aria-label", this.options.caption(words));
    fill(this.frame, this.drawTable(fields, shown, cells));
    this.drawPager();
    if (focused !== "") this.element.querySelector<HTMLElement>(`[id="${CSS.escape(focused)}"]`)?.focus();
    const counts = { shown: words.count(this.order.length), all: words.count(rows.count) };
    const none = rows.count === 0 ? words.say("empty") : this.order.length === 0 ? words.say("no_rows") : null;
    this.status.textContent = [words.say("rows_shown", counts), none].filter((text) => text !== null).join(". ");
  }

  private drawTable(fields: Field[], rows: number[], cells: Cell[][]): HTMLElement {
    const { words, options } = this;
    const { action } = options;
    const isNumber = (field: Field): boolean => field.type === "number" || field.type === "integer";
    const cell = (field: Field, value: Cell): HTMLElement =>
      h(
        "td",
        { class: isNumber(field) ? "number" : field.name === "id" || field.name.endsWith("_id") ? "id" : null },
        options.swatch?.(field, value) ?? null,
        words.cell(field, value),
      );
    const line = (row: number, i: number): HTMLElement =>
      h(
        "tr",
        {},
        action
          ? h(
              "td",
              { class: "action" },
              h(
                "button",
                {
                  type: "button",
                  class: "small",
                  id: `${options.name}-row-${row}`,
                  "aria-label": `${action.label(words)} ${String(cells[i]?.[0] ?? "")}`,
                  click: () => action.act(row),
                },
                action.label(words),
              ),
            )
          : null,
        fields.map((field, j) => cell(field, cells[i]?.[j] ?? null)),
      );
    const actionHead = action ? h("th", { scope: "col" }, h("span", { class: "hidden" }, words.say("actions"))) : null;
    return h(
      "table",
      {},
      h("caption", {}, options.caption(words)),
      h("thead", {}, h("tr", {}, actionHead, fields.map((field) => this.head(field, isNumber(field))))),
      h("tbody", {}, rows.map(line)),
    );
  }

  private head(field: Field, isNumber: boolean): HTMLElement {
    const { words } = this;
    const sorted = this.sort?.column === field.name ? this.sort.direction : 0;
    const title = words.title(field);
    const sign = sorted === 1 ? "▲" : sorted === -1 ? "▼" : "↕";
    const button = h(
      "button",
      {
        type: "button",
        class: "sort",
        id: `${this.options.name}-sort-${field.name}`,
        title: field.description ?? null,
        click: () => {
          this.sort = { column: field.name, direction: sorted === 1 ? -1 : 1 };
          void this.refresh();
        },
      },
      title,
      h("span", { "aria-hidden": "true", class: "arrow" }, sign),
    );
    const aria = sorted === 1 ? "ascending" : sorted === -1 ? "descending" : null;
    return h("th", { scope: "col", "aria-sort": aria, class: isNumber ? "number" : null }, button);
  }

  private drawPager(): void {
    const { words } = this;
    const pages = Math.max(1, Math.ceil(this.order.length / this.pageSize));
    const go = (id: string, sign: string, label: Parameters<Words["say"]>[0], to: number): HTMLElement =>
      h(
        "button",
        {
          type: "button",
          id: `${this.options.name}-${id}`,
          "aria-label": words.say(label),
          "aria-disabled": to === this.page || to < 0 || to >= pages ? "true" : null,
          click: () => {
            if (to === this.page || to < 0 || to >= pages) return;
            this.page = to;
            void this.drawPage();
          },
        },
        h("span", { "aria-hidden": "true" }, sign),
      );
    this.pager.setAttribute("aria-label", words.say("page_of", { page: this.page + 1, pages }));
    const size = h(
      "select",
      {
        id: `${this.options.name}-size`,
        change: (event) => {
          [this.pageSize, this.page] = [Number((event.target as HTMLSelectElement).value), 0];
          void this.drawPage();
        },
      },
      PAGE_SIZES.map((rows) => h("option", { value: rows, selected: rows === this.pageSize }, String(rows))),
    );
    fill(
      this.pager,
      go("first", "«", "first", 0),
      go("previous", "‹", "previous_page", this.page - 1),
      h("span", {}, words.say("page_of", { page: words.count(this.page + 1), pages: words.count(pages) })),
      go("next", "›", "next_page", this.page + 1),
      go("last", "»", "last", pages - 1),
      h("label", { for: `${this.options.name}-size` }, words.say("rows_a_page")),
      size,
    );
  }

  private drawTools(): void {
    const { words } = this;
    const { name } = this.options;
    const again = settled(250, () => void this.refresh());
    const inputs = h("span", { class: "row" });
    const field = (): Field | undefined => this.rows?.fields.find((field) => field.name === this.own.column);
    const input = (key: "text" | "from" | "to", type: string, label: string): HTMLElement =>
      h("input", {
        id: `${name}-filter-${key}`,
        type,
        step: "any",
        value: this.own[key],
        "aria-label": label,
        placeholder: label,
        input: (event) => {
          this.own[key] = (event.target as HTMLInputElement).value;
          again();
        },
      });
    const drawInputs = (): void => {
      const chosen = field();
      if (!chosen) fill(inputs);
      else if (chosen.type === "string") fill(inputs, input("text", "text", words.say("filter_contains")));
      else fill(inputs, input("from", "number", words.say("filter_from")), input("to", "number", words.say("filter_to")));
    };
    const select = h(
      "select",
      {
        id: `${name}-filter`,
        change: (event) => {
          this.own = { column: (event.target as HTMLSelectElement).value, text: "", from: "", to: "" };
          drawInputs();
          void this.refresh();
        },
      },
      h("option", { value: "" }, words.say("filter_nothing")),
      (this.rows?.fields ?? []).map((field) =>
        h("option", { value: field.name, selected: field.name === this.own.column }, words.title(field)),
      ),
    );
    drawInputs();
    const allColumns = h("input", {
      type: "checkbox",
      id: `${name}-all`,
      checked: this.all,
      change: (event) => {
        this.all = (event.target as HTMLInputElement).checked;
        void this.drawPage();
      },
    });
    const hasMore = this.options.essential.length > 0;
    fill(
      this.tools,
      h("span", { class: "row" }, h("label", { for: `${name}-filter` }, words.say("filter_column")), select, inputs),
      hasMore ? h("label", { class: "option" }, allColumns, words.say("all_columns")) : null,
      h(
        "button",
        { type: "button", id: `${name}-csv`, title: words.say("csv_more"), click: () => void this.writeCsv() },
        words.say("csv"),
      ),
    );
  }

  /** Writes the rows that pass the filters, with all of their columns, in the order of the table. */
  private async writeCsv(): Promise<void> {
    const { rows, words, order } = this;
    if (rows === null) return;
    const names = rows.fields.map((field) => field.name);
    const parts = [csvLine(names)];
    try {
      for (let start = 0; start < order.length; start += BATCH) {
        const some = Array.from({ length: Math.min(BATCH, order.length - start) }, (_, i) => order[start + i] ?? 0);
        const cells = await rows.cells(some, names);
        parts.push(cells.map(csvLine).join(""));
        this.progress((start + some.length) / order.length);
      }
    } catch (error) {
      this.options.failed(error);
      return;
    }
    download(this.options.file, parts, "text/csv;charset=utf-8");
    this.status.textContent = words.say("csv_done", { n: words.count(order.length), file: this.options.file });
  }
}

/** The rank of each text among all of them; null for a missing one. */
function ranks(values: ArrayLike<Cell>, compare: (a: string, b: string) => number): (number | null)[] {
  const distinct = new Set<string>();
  for (let i = 0; i < values.length; i++) if (values[i] !== null) distinct.add(String(values[i]));
  const order = new Map([...distinct].sort(compare).map((text, rank) => [text, rank]));
  return Array.from({ length: values.length }, (_, i) => (values[i] === null ? null : (order.get(String(values[i])) ?? null)));
}
