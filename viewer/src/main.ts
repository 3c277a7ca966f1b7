// The page: header, views, and what connects map, table, filters and details.

import { drawAbout } from "./about";
import { Details, scenesOf } from "./details";
import { fill, h, icon } from "./dom";
import type { Facts, Field } from "./facts";
import { lonLat, readFacts } from "./facts";
import { HostError, RangeFile, readText } from "./host";
import { Legend } from "./legend";
import type { Hit } from "./map";
import { ResultMap } from "./map";
import { swatch } from "./patterns";
import { Review, isReview } from "./review";
import type { Cell } from "./rows";
import { CsvRows, ParquetRows } from "./rows";
import type { Shown, Tab } from "./state";
import { State, canSwipe, read, tabsOf } from "./state";
import { classColumn } from "./style";
import { DataTable } from "./table";
import type { Key } from "./words";
import { Words } from "./words";

const ESSENTIAL = {
  map: ["id", "class_name", "score", "area_m2", "acquired", "state"],
  change: ["id", "kind", "from_class", "to_class", "score", "changed_m2", "state"],
  zonal: [],
};
/** Bytes of a CSV file that the page reads at most: it keeps all of it in memory. */
const LARGEST_CSV = 100_000_000;
/** The name of each kind of output. */
const KINDS = { map: "kind_map", change: "kind_change", zonal: "kind_zonal" } as const;

class Page {
  private readonly state: State;
  private words: Words;
  private readonly header = h("header");
  private readonly alert = h("div", { class: "alert", role: "alert", hidden: true });
  private readonly live = h("p", { class: "hidden", role: "status" });
  private readonly tabs = h("div", { class: "tabs", role: "tablist" });
  private readonly panels = new Map<Tab, HTMLElement>();
  private readonly legend: Legend;
  private readonly details: Details;
  private readonly table: DataTable;
  private readonly zones: DataTable[];
  private readonly noMap = h("p", { class: "note" });
  private readonly review: Review | null;
  private map: ResultMap | null = null;
  private rows: Promise<ParquetRows> | null = null;
  private opened = new Set<Tab>();
  /** Where the keyboard was before the details had it. */
  private from: Element | null = null;

  constructor(private readonly facts: Facts) {
    // First: it takes the token out of the address.
    this.review = isReview() ? this.createReview() : null;
    this.state = new State(facts, read(location.hash, facts));
    this.state.shown.faint = this.review !== null;
    this.words = new Words(this.state.shown.language, facts);
    this.legend = new Legend(this.state, this.words, { search: (id) => this.search(id) });
    this.table = this.createTable();
    this.zones = facts.zones.map((zones, i) => this.createZones(i, zones.file.href));
    this.largeNotes = facts.zones.map((zones) => (zones.file.size > LARGEST_CSV ? h("p", { class: "note" }) : null));
    this.details = new Details(this.state, this.words, {
      chose: (hit) => this.select(hit),
      closed: () => this.deselect(),
      center: facts.tiles || facts.zone_map ? (hit) => void this.center(hit) : null,
    });
    this.build();
    this.translate();
    this.showTab(this.state.shown.tab, false);
    this.state.onChange((changed) => this.onChange(changed));
    window.addEventListener("hashchange", () => this.followLink());
    this.selectFirst();
    void this.review?.start();
  }

  private createReview(): Review {
    return new Review(new Words(this.facts.language, this.facts), {
      show: (feature) => this.showFeature(feature),
      summary: (feature) => this.details.summary(feature),
      compare: () => this.compareDates(),
      scenes: () => this.shownScenes(),
      map: () => this.mapShown(),
      outlines: (outlines) => void this.map?.showDecided(outlines),
      say: (text) => this.say(text),
    });
  }

  /** Shows a feature that is to be decided: its place, its outline, and why it is there. */
  private async showFeature(id: string): Promise<void> {
    if (this.facts.table === null) {
      this.state.set({ selected: id, zone: null });
      return;
    }
    await this.search(id, true);
  }

  /** The map, shown; null where it cannot be. */
  private mapShown(): ResultMap | null {
    if (this.state.shown.tab !== "map") {
      this.state.set({ tab: "map" });
      this.showTab("map", false);
    }
    return this.map;
  }

  private compareDates(): void {
    if (canSwipe(this.facts)) this.state.set({ swipe: this.state.shown.swipe === null ? 0.5 : null });
  }

  /** Numbers of the scenes of the selected feature, if their pixels are shown. */
  private shownScenes(): number[] {
    const { facts, state } = this;
    const { selected, imagery, opacity, tab } = state.shown;
    const onMap = facts.imagery.length > 0 && imagery && opacity > 0 && tab === "map";
    const hasPictures = facts.pictures.some((pictures) => pictures.id === selected);
    const scenes = onMap || hasPictures ? scenesOf(this.details.sceneIds, facts.scenes) : [];
    return scenes.map((scene) => facts.scenes.indexOf(scene)).filter((number) => number >= 0);
  }

  private build(): void {
    for (const tab of this.tabNames()) {
      const panel = h("section", { id: `panel-${tab}`, role: "tabpanel", "aria-labelledby": `tab-${tab}`, class: `panel ${tab}`, tabindex: -1 });
      this.panels.set(tab, panel);
    }
    this.panels.get("table")?.append(this.facts.table ? this.table.element : this.noTable);
    this.panels.get("zones")?.append(...this.zones.map((table, at) => this.largeNotes[at] ?? table.element));
    const main = h("main", { id: "results", tabindex: -1 }, this.tabs, this.alert, ...this.panels.values(), this.live);
    const right = this.review ? h("div", { class: "right" }, this.review.element, this.details.element) : this.details.element;
    const page = h("div", { class: "page" }, h("aside", { class: "side" }, this.legend.element), main, right);
    document.body.replaceChildren(h("a", { class: "skip", href: "#results", click: (event) => this.skip(event) }), this.header, page);
  }

  /** Notices of the libraries, which the page carries. */
  private readonly licenses = document.querySelector<HTMLTemplateElement>("#licenses")?.content.textContent ?? "";
  private readonly noTable = h("p", { class: "note" });
  /** In place of tables that are too large. */
  private readonly largeNotes: (HTMLElement | null)[];
  private readonly zoneRows = new Map<number, Promise<CsvRows>>();

  private tabNames(): Tab[] {
    return tabsOf(this.facts);
  }

  private skip(event: Event): void {
    event.preventDefault();
    this.panels.get(this.state.shown.tab)?.focus();
  }

  private createMap(): void {
    const panel = this.panels.get("map");
    const hasWebGl = document.createElement("canvas").getContext("webgl2") !== null;
    const { tiles, zone_map } = this.facts;
    const hasTiles = tiles !== null || zone_map !== null || this.facts.imagery.length > 0;
    if (!panel || !hasTiles || !hasWebGl) {
      this.noMap.dataset["key"] = hasTiles ? "no_webgl" : "no_map";
      this.noMap.textContent = this.words.say(hasTiles ? "no_webgl" : "no_map");
      panel?.append(this.noMap);
      return;
    }
    this.map = new ResultMap(panel, this.state, this.words, {
      chosen: (hits, byKeyboard) => this.choose(hits, byKeyboard),
      failed: (error) => this.fail(error),
      say: (text) => this.say(text),
    });
    this.map.whenDrawn(() => {
      performance.mark("drawn");
      document.documentElement.setAttribute("data-drawn", "");
    });
    new ResizeObserver(() => this.map?.resize()).observe(this.map.element);
  }

  private createTable(): DataTable {
    const { facts } = this;
    const kinds = (): string[] => (facts.kinds.length > 0 ? ["kind"] : []);
    const columns = (): string[] => {
      const { hiddenClasses, hiddenKinds, hiddenStates, score } = this.state.shown;
      const none = [hiddenClasses, hiddenKinds, hiddenStates].every((hidden) => hidden.size === 0) && score === 0;
      return none ? [] : [classColumn(facts), "score", "state", ...kinds()];
    };
    return new DataTable(this.words, {
      name: "features",
      caption: (words) => words.say(facts.kind === "change" ? "table_caption_change" : "table_caption"),
      essential: ESSENTIAL[facts.kind],
      file: `${facts.kind === "change" ? "events" : "features"}-${facts.run_id}.csv`,
      filter: { columns, passes: (cells) => this.passes(cells) },
      action: { label: (words) => words.say("details"), act: (row) => void this.chooseRow(row) },
      swatch: (field, value) => this.swatchOf(field, value),
      failed: (error) => this.fail(error),
    });
  }

  /** Whether class, score, state and kind of a row pass the filters, as on the map. */
  private passes([name, score, state, kind]: Cell[]): boolean {
    const { hiddenClasses, hiddenKinds, hiddenStates, score: least } = this.state.shown;
    if (hiddenStates.has(String(state))) return false;
    const isHidden = this.facts.classes.some((item) => item.name.en === name && hiddenClasses.has(item.id));
    return !isHidden && !hiddenKinds.has(String(kind)) && (typeof score !== "number" || score >= least);
  }

  private swatchOf(field: Field, value: Cell): HTMLElement | null {
    if (!["class_name", "from_class", "to_class"].includes(field.name)) return null;
    const index = this.facts.classes.findIndex((item) => item.name.en === value);
    const item = this.facts.classes[index];
    return item ? swatch(item.color, index, this.state.shown.patterns) : null;
  }

  private createZones(at: number, href: string): DataTable {
    const { zone_map, zones } = this.facts;
    const hasZones = zone_map !== null && (zones[at]?.columns.some((field) => field.name === zone_map.id) ?? false);
    return new DataTable(this.words, {
      name: `zones-${at}`,
      ...(hasZones ? { action: { label: (words: Words) => words.say("details"), act: (row: number) => void this.chooseZone(at, row) } } : {}),
      caption: (words) => words.of(this.facts.zones[at]?.title ?? { en: href, fr: href }),
      essential: [],
      file: href,
      failed: (error) => this.fail(error),
    });
  }

  /** The rows of a table of zones. */
  private openZones(at: number): Promise<CsvRows> {
    const zones = this.facts.zones[at];
    if (!zones || this.largeNotes[at]) return Promise.reject(new Error(this.words.say("no_table")));
    const rows = this.zoneRows.get(at) ?? readText(zones.file).then((text) => CsvRows.parse(text, zones.columns));
    rows.catch(() => this.zoneRows.delete(at));
    this.zoneRows.set(at, rows);
    return rows;
  }

  private openRows(): Promise<ParquetRows> {
    const { table, columns } = this.facts;
    if (!table) return Promise.reject(new Error(this.words.say("no_table")));
    this.rows ??= ParquetRows.open(new RangeFile(table), columns);
    this.rows.catch(() => (this.rows = null));
    return this.rows;
  }

  private say(text: string): void {
    this.live.textContent = text;
  }

  /** Says what cannot be read, and what to do. */
  private fail(error: unknown): void {
    const { words } = this;
    const isHost = error instanceof HostError;
    const key = isHost ? (`trouble_${error.trouble}` as Key) : "trouble_other";
    const detail = isHost ? error.detail : error instanceof Error ? error.message : String(error);
    const values = { file: isHost ? error.href : "", detail };
    this.alert.hidden = false;
    fill(this.alert, h("strong", {}, words.say("trouble")), " ", words.say(key, values));
  }

  private onChange(changed: Set<keyof Shown>): void {
    if (changed.has("language")) this.translate();
    const filtered = (["hiddenClasses", "hiddenKinds", "hiddenStates", "score"] as const).some((key) => changed.has(key));
    if (filtered || changed.has("patterns")) {
      if (this.opened.has("table")) void this.table.refresh();
    }
    if (changed.has("patterns")) this.details.translate(this.words);
  }

  private translate(): void {
    const { facts } = this;
    this.words = new Words(this.state.shown.language, facts);
    const { words } = this;
    document.documentElement.lang = words.language;
    document.title = `${facts.title} – ${words.say(KINDS[facts.kind])}`;
    document.querySelector(".skip")?.replaceChildren(words.say("skip"));
    this.drawHeader();
    this.drawTabs();
    this.legend.translate(words);
    this.details.translate(words);
    this.review?.translate(words);
    this.map?.translate(words);
    this.table.translate(words);
    for (const [at, table] of this.zones.entries()) {
      const [note, file] = [this.largeNotes[at], facts.zones[at]?.file];
      if (note && file) {
        fill(note, words.say("large_table", { size: words.bytes(file.size) }), " ", h("a", { href: file.href }, file.href));
      } else table.translate(words);
    }
    this.noTable.textContent = words.say("no_table");
    const key = this.noMap.dataset["key"] as Key | undefined;
    if (key) this.noMap.textContent = words.say(key);
    const about = this.panels.get("about");
    if (about) drawAbout(about, words, facts, this.licenses);
  }

  private drawHeader(): void {
    const { facts, words } = this;
    const dates = [facts.before, facts.after].filter((date) => date !== null).map((date) => words.date(date));
    const language = (code: "en" | "fr", name: string): HTMLElement =>
      h(
        "button",
        {
          type: "button",
          lang: code,
          id: `lang-${code}`,
          "aria-pressed": String(words.language === code),
          click: () => {
            this.state.set({ language: code });
            document.getElementById(`lang-${code}`)?.focus();
          },
        },
        name,
      );
    fill(
      this.header,
      h(
        "div",
        { class: "titles" },
        h("p", { class: "kind" }, words.say(KINDS[facts.kind])),
        h("h1", {}, facts.title),
        h("p", { class: "subtitle" }, [...dates, ...(facts.model ? [`${facts.model.id} ${facts.model.version}`] : [])].join(" · ")),
      ),
      facts.states.length > 0
        ? h("p", { class: "badge", title: words.say("reviewed_more") }, words.say("reviewed"))
        : h("p", { class: "badge", title: words.say("proposal_more") }, words.say("proposal")),
      h(
        "div",
        { class: "header-tools" },
        h("button", { type: "button", id: "share", title: words.say("share_more"), click: () => void this.share() }, words.say("share")),
        h("div", { role: "group", "aria-label": words.say("language"), class: "languages" }, language("en", "English"), language("fr", "Français")),
      ),
    );
  }

  private async share(): Promise<void> {
    try {
      await navigator.clipboard.writeText(location.href);
      this.say(this.words.say("shared"));
      const button = document.getElementById("share");
      button?.replaceChildren(icon("✓ "), this.words.say("share"));
      setTimeout(() => button?.replaceChildren(this.words.say("share")), 2000);
    } catch {
      this.say(this.words.say("share_failed"));
    }
  }

  private drawTabs(): void {
    const { words } = this;
    const names = this.tabNames();
    const tab = (name: Tab): HTMLElement =>
      h(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${name}`,
          "aria-controls": `panel-${name}`,
          "aria-selected": String(name === this.state.shown.tab),
          tabindex: name === this.state.shown.tab ? 0 : -1,
          click: () => this.showTab(name, true),
          keydown: (event) => {
            const by = { ArrowRight: 1, ArrowLeft: -1 }[(event as KeyboardEvent).key];
            const to = by === undefined ? undefined : names[(names.indexOf(name) + by + names.length) % names.length];
            if (to !== undefined) this.showTab(to, true);
          },
        },
        words.say(`tab_${name}`),
      );
    this.tabs.setAttribute("aria-label", words.say("views"));
    fill(this.tabs, names.map(tab));
  }

  private showTab(name: Tab, focus: boolean): void {
    if (focus) this.state.set({ tab: name });
    for (const [other, panel] of this.panels) panel.hidden = other !== name;
    document.body.dataset["tab"] = name;
    this.drawTabs();
    if (focus) document.getElementById(`tab-${name}`)?.focus();
    if (this.opened.has(name)) return;
    this.opened.add(name);
    // Not before it is shown, when it has a size.
    if (name === "map") this.createMap();
    if (name === "table" && this.facts.table) this.open(this.openRows().then((rows) => this.table.open(rows)), name);
    if (name === "zones") {
      const open = async (table: DataTable, at: number): Promise<void> => {
        if (!this.largeNotes[at]) await table.open(await this.openZones(at));
      };
      this.open(Promise.all(this.zones.map(open)), name);
    }
  }

  /** Waits for what a view needs; a view that failed is tried again when it is shown again. */
  private open(work: Promise<unknown>, name: Tab): void {
    work.catch((error: unknown) => {
      this.opened.delete(name);
      this.fail(error);
    });
  }

  private choose(hits: Hit[], focus: boolean): void {
    const first = hits[0];
    if (!first) {
      this.details.hide();
      this.state.set({ selected: null, zone: null });
      return;
    }
    this.from = document.activeElement;
    this.select(first);
    this.details.show(hits, focus);
    const name = first.isZone ? (this.zoneId(first.record) ?? this.words.say("tab_zones")) : this.words.className(first.record[classColumn(this.facts)]);
    this.say(this.words.say("selected", { name }));
  }

  /** Marks a feature or a zone on the map, and in the link. */
  private select(hit: Hit): void {
    this.state.set(hit.isZone ? { selected: null, zone: this.zoneId(hit.record) } : { selected: hit.id, zone: null });
    if (hit.id !== null) this.review?.visit(hit.id);
  }

  private zoneId(record: Record<string, Cell>): string | null {
    const id = record[this.facts.zone_map?.id ?? "id"] ?? null;
    return id === null ? null : String(id);
  }

  private deselect(): void {
    this.state.set({ selected: null, zone: null });
    if (this.from instanceof HTMLElement && this.from.isConnected) this.from.focus();
    else this.panels.get(this.state.shown.tab)?.focus();
  }

  private async chooseRow(row: number): Promise<void> {
    try {
      const rows = await this.openRows();
      const record = await rows.record(row);
      this.choose([{ id: typeof record["id"] === "string" ? record["id"] : null, record, isZone: false }], true);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Shows the zone of a row, also one of a level that is not shown. */
  private async chooseZone(at: number, row: number): Promise<void> {
    try {
      const record = await (await this.openZones(at)).record(row);
      const { zone_map } = this.facts;
      const level = zone_map?.level ? zone_map.levels.indexOf(String(record[zone_map.level])) : 0;
      if (level >= 0) this.state.set({ level });
      this.choose([{ id: null, record, isZone: true }], true);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Moves the map to a zone, which is looked for on the whole map if it is not there. */
  private centerZone(id: string): void {
    this.showTab("map", true);
    const { map } = this;
    if (!map) return;
    const isThere = (): boolean => {
      const found = map.loadedZone(id);
      if (found) map.showBox(found.box);
      return found !== null;
    };
    if (isThere()) return;
    map.showWhole();
    map.whenDrawn(() => void (isThere() || this.say(this.words.say("zone_not_found"))));
  }

  private async boxOf(rows: ParquetRows, row: number): Promise<[number, number, number, number] | null> {
    const box = await rows.box(row);
    if (!box) return null;
    const corners = [lonLat(this.facts.places, box[0], box[1]), lonLat(this.facts.places, box[2], box[3])] as const;
    const [west, east] = [Math.min(corners[0][0], corners[1][0]), Math.max(corners[0][0], corners[1][0])];
    const [south, north] = [Math.min(corners[0][1], corners[1][1]), Math.max(corners[0][1], corners[1][1])];
    return [west, south, east, north];
  }

  private async center(hit: Hit): Promise<void> {
    const zone = hit.isZone ? this.zoneId(hit.record) : null;
    if (zone !== null) {
      this.centerZone(zone);
      return;
    }
    try {
      const rows = await this.openRows();
      const row = hit.id === null ? null : await rows.find(hit.id, () => undefined);
      const box = row === null ? null : await this.boxOf(rows, row);
      this.showTab("map", true);
      if (box) this.map?.showBox(box);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Finds a feature by the beginning of its id, shows and selects it. */
  private async search(id: string, near = false): Promise<string> {
    try {
      const rows = await this.openRows();
      const row = await rows.find(id, () => undefined);
      if (row === null) return this.words.say("not_found");
      const record = await rows.record(row);
      const box = await this.boxOf(rows, row);
      this.choose([{ id: String(record["id"]), record, isZone: false }], false);
      if (box) this.map?.showBox(box, near);
      return this.words.say("found", { id: String(record["id"]) });
    } catch (error) {
      this.fail(error);
      return "";
    }
  }

  /** Shows the feature that a link selects: from the tiles if they have it, else from the table. */
  private selectFirst(): void {
    const { selected, view, zone } = this.state.shown;
    if (zone !== null) this.selectFirstZone(zone);
    if (selected === null) return;
    const fromTable = async (): Promise<void> => {
      const rows = await this.openRows();
      const row = await rows.find(selected, () => undefined);
      if (row === null) {
        this.say(this.words.say("not_found"));
        this.state.set({ selected: null });
        return;
      }
      this.choose([{ id: selected, record: await rows.record(row), isZone: false }], false);
      const box = await this.boxOf(rows, row);
      if (box && view === null) this.map?.showBox(box);
    };
    const look = (): void => {
      const record = this.map?.loaded(selected) ?? null;
      if (record) this.choose([{ id: selected, record, isZone: false }], false);
      else fromTable().catch((error: unknown) => this.fail(error));
    };
    if (this.map) this.map.whenDrawn(look);
    else look();
  }

  /** Shows the zone that a link selects: from the tiles if they have it, else from the first table. */
  private selectFirstZone(zone: string): void {
    const fromTable = async (): Promise<void> => {
      const { zone_map } = this.facts;
      const rows = await this.openZones(0);
      const row = await rows.find(zone_map?.id ?? "id", zone);
      if (row === null) {
        this.say(this.words.say("zone_not_found"));
        this.state.set({ zone: null });
      } else this.choose([{ id: null, record: await rows.record(row), isZone: true }], false);
    };
    const look = (): void => {
      const found = this.map?.loadedZone(zone) ?? null;
      if (found) this.choose([{ id: null, record: found.record, isZone: true }], false);
      else fromTable().catch((error: unknown) => this.fail(error));
    };
    if (this.map) this.map.whenDrawn(look);
    else look();
  }

  /** Follows a link to another view of this page. */
  private followLink(): void {
    if (location.hash === "" || location.hash === "#results") return;
    location.reload();
  }
}

new Page(readFacts());
