// The panel of a review: one feature after the other, verdicts by key, and what others have decided.

import type { Decision, FeatureState, Progress, Session, Shown, Verdict, Wish } from "./desk";
import { Desk, DeskError, Stopwatch, takeToken } from "./desk";
import { fill, h } from "./dom";
import type { ResultMap } from "./map";
import type { Geometry } from "./outline";
import { OutlinePanel } from "./outline_panel";
import type { Key, Words } from "./words";

export interface ReviewEvents {
  /** Shows a feature on the map and its details. */
  show(feature: string): Promise<void>;
  /** What the feature is, in one line. */
  summary(feature: string): string;
  /** Lays the dates side by side, or ends that. */
  compare(): void;
  /** Numbers of the scenes whose imagery is shown of the feature. */
  scenes(): number[];
  /** The map, shown; null where the page has none. */
  map(): ResultMap | null;
  /** Shows outlines that were decided about the feature. */
  outlines(outlines: Geometry[]): void;
  say(text: string): void;
}

/** Verdicts in the order of their keys, 1 to 6. */
const VERDICTS: Verdict[] = ["confirmed", "invalidated", "suspect", "illegal", "legitimate", "not_verified"];
const WITHOUT_OBJECT: Verdict[] = ["invalidated", "not_verified"];

/** A decision of this visit, which can be undone, and what the person had said before. */
interface Done {
  feature: string;
  id: string;
  kind: Decision["kind"];
  former: Decision | null;
}

/** Whether the page is that of a review. */
export function isReview(): boolean {
  return document.querySelector("meta[name=arpent-review]") !== null;
}

export class Review {
  readonly element = h("section", { class: "review", id: "review", tabindex: -1, "aria-labelledby": "review-title" });
  private readonly desk = new Desk(takeToken());
  private readonly watch = new Stopwatch();
  private readonly head = h("div");
  private readonly trouble = h("div", { role: "alert" });
  private readonly form = h("div");
  private readonly others = h("div", { class: "others" });
  private readonly outlineRow = h("div", { class: "choice", id: "review-outline" });
  private readonly outline: OutlinePanel;
  private readonly reason = h("select", { id: "review-reason" });
  private readonly corrected = h("select", { id: "review-class" });
  private readonly comment = h("textarea", { id: "review-comment", rows: 2, maxlength: 4000, "aria-describedby": "review-comment-more" });
  private session: Session | null = null;
  private shown: Shown | null = null;
  private progress: Progress = { decided: 0, all: 0 };
  private allDone = false;
  /** Features of this visit, the present one last. */
  private readonly visited: string[] = [];
  private readonly done: Done[] = [];
  private readonly seconds: number[] = [];
  private problem: { key: Key; values: Record<string, string> } | null = null;
  private busy = false;
  /** A feature that was selected while the server was asked. */
  private wanted: string | null = null;
  private hasKeys = true;
  private isDrawing = false;
  private readonly actions: Record<string, () => void> = {
    s: () => this.skip(),
    b: () => this.back(),
    u: () => void this.undo(),
    x: () => void this.decide(null),
    r: () => this.reason.focus(),
    k: () => this.corrected.focus(),
    c: () => this.comment.focus(),
    o: () => this.drawOutline(),
    d: () => this.events.compare(),
  };

  constructor(
    private words: Words,
    private readonly events: ReviewEvents,
  ) {
    this.outline = new OutlinePanel(words, {
      map: () => events.map(),
      present: () => this.presentOutline(),
      changed: () => this.onOutline(),
      say: (text) => events.say(text),
    });
    this.element.append(this.head, this.trouble, this.outline.element, this.form, this.others);
    document.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** Begins with the first feature that is not decided. */
  async start(): Promise<void> {
    await this.attempt(async () => {
      this.session = await this.desk.session();
      this.progress = this.session.progress;
      this.outline.limit(this.session.outlines);
      this.translate(this.words);
      setInterval(() => void this.poll(), 1000 * this.session.poll_s);
      await this.next(0);
    });
  }

  translate(words: Words): void {
    this.words = words;
    this.outline.translate(words);
    this.drawForm();
    this.draw();
  }

  /** Another feature was selected on the map or in the table. */
  visit(feature: string): void {
    // What is decided about must be what is shown: a choice that comes in between is followed afterwards.
    if (this.busy) this.wanted = feature;
    else if (this.session !== null && feature !== this.shown?.feature) void this.attempt(() => this.open(feature, false));
  }

  /** Runs what needs the server; errors are shown, and leave everything as it is. */
  private async attempt(work: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.element.ariaBusy = "true";
    try {
      this.problem = null;
      await work();
    } catch (error) {
      this.fail(error);
    } finally {
      this.busy = false;
      this.element.ariaBusy = "false";
      this.draw();
    }
    const { wanted } = this;
    this.wanted = null;
    if (wanted !== null) this.visit(wanted);
  }

  private fail(error: unknown): void {
    const detail = error instanceof Error ? error.message : String(error);
    const status = error instanceof DeskError ? error.status : -1;
    if (error instanceof DeskError && error.state !== null && this.shown !== null) this.shown = { ...this.shown, state: error.state };
    const keys: Record<number, Key> = { 0: "review_unreachable", 403: "review_token", 409: "review_conflict", 410: "review_replaced" };
    const unnamed = status === 403 && detail.includes("`person");
    this.problem = { key: unnamed ? "review_unnamed" : (keys[status] ?? "review_refused"), values: { detail } };
  }

  private async next(from: number): Promise<void> {
    const next = await this.desk.next(from);
    this.progress = next.progress;
    this.allDone = next.feature === null;
    if (next.feature === null) this.events.say(this.words.say("review_all_done"));
    else await this.open(next.feature, true);
  }

  /** Shows a feature and what was decided about it. */
  private async open(feature: string, move: boolean): Promise<void> {
    const shown = await this.desk.feature(feature);
    [this.shown, this.progress] = [shown, shown.progress];
    this.outline.open(feature);
    if (this.visited.at(-1) !== feature) this.visited.push(feature);
    this.clear();
    this.watch.start();
    this.draw();
    if (move) await this.events.show(feature);
  }

  private clear(): void {
    [this.reason.value, this.corrected.value, this.comment.value] = ["", "", ""];
  }

  /** The outline that holds now: the one of decisions that agree, else the proposed one. */
  private async presentOutline(): Promise<Geometry | null> {
    const { shown } = this;
    return shown === null ? null : (this.decidedOutline() ?? this.desk.outline(shown.feature));
  }

  /** The outline of decisions that agree, as it was received; null if there is none, or the proposed one was chosen. */
  private decidedOutline(): Geometry | null {
    const { shown } = this;
    const decided = shown === null || this.outline.isProposed ? [] : outlinesOf(shown.state);
    return decided.length === 1 ? (decided[0] ?? null) : null;
  }

  private drawOutline(): void {
    if (this.shown !== null && this.outline.canDraw) void this.attempt(() => this.outline.begin());
  }

  /** What others have decided in the meantime. */
  private async poll(): Promise<void> {
    const { shown } = this;
    if (shown === null || this.busy || document.hidden) return;
    try {
      const now = await this.desk.feature(shown.feature);
      if (this.busy || this.shown !== shown) return;
      const isNews = now.state.heads.join() !== shown.state.heads.join();
      [this.shown, this.progress] = [now, now.progress];
      if (isNews) this.events.say(this.words.say("review_news"));
      if (isNews || now.progress.decided !== shown.progress.decided) this.draw();
    } catch {
      // The next decision says so.
    }
  }

  /** Decides about the feature that is shown: a verdict, an answer where it is contested, or a contest. */
  private async decide(verdict: Verdict | null): Promise<void> {
    const { shown } = this;
    if (shown === null || this.busy) return;
    const { state, feature } = shown;
    const kind = verdict === null ? "contest" : state.contests.length > 0 ? "answer" : "verdict";
    const comment = this.comment.value.trim();
    if (kind !== "verdict" && comment === "") {
      this.warn("review_grounds");
      this.comment.focus();
      return;
    }
    if (verdict !== null && this.corrected.value !== "" && WITHOUT_OBJECT.includes(verdict)) {
      this.warn("review_class_needs");
      this.corrected.focus();
      return;
    }
    const { drawn, problem } = this.outline;
    if (verdict !== null && drawn !== null && (problem !== null || WITHOUT_OBJECT.includes(verdict))) {
      this.warn(problem ?? "outline_needs", this.outline.values);
      return;
    }
    const wish: Wish = { feature, kind, seen: state.heads, scenes: this.events.scenes(), duration_ms: this.watch.elapsed };
    if (comment !== "") wish.comment = comment;
    if (verdict !== null) {
      wish.verdict = verdict;
      if (this.reason.value !== "") wish.reason = this.reason.value;
      if (this.corrected.value !== "") wish.class = this.corrected.value;
      // A verdict without an outline takes the proposed one: what was decided before is stated again, as it was received, since
      // another order or rounding would be another opinion.
      const outline = drawn ?? (WITHOUT_OBJECT.includes(verdict) ? null : this.decidedOutline());
      if (outline !== null) wish.geometry = outline;
      if (kind === "answer") wish.answers = state.contests;
    }
    await this.attempt(async () => {
      const { id, progress } = await this.desk.decide(wish);
      this.done.push({ feature, id, kind, former: former(state, kind) });
      this.seconds.push((wish.duration_ms ?? 0) / 1000);
      this.progress = progress;
      if (verdict !== null) this.outline.forget(feature);
      const { words } = this;
      const name = verdict === null ? "" : words.say(`verdict_${verdict}`);
      this.events.say(verdict === null ? words.say("review_saved_contest") : words.say("review_saved", { verdict: name }));
      await this.next((shown.place ?? -1) + 1);
      if (this.allDone) await this.open(feature, false);
    });
    if (this.element.contains(document.activeElement)) this.element.focus();
  }

  private warn(key: Key, values: Record<string, string> = {}): void {
    this.problem = { key, values };
    this.draw();
  }

  private skip(): void {
    const { shown } = this;
    if (shown !== null) void this.attempt(() => this.next((shown.place ?? -1) + 1));
  }

  private back(): void {
    if (this.visited.length < 2) {
      this.warn("review_nothing_back");
      return;
    }
    void this.attempt(async () => {
      const feature = this.visited.at(-2) ?? "";
      await this.open(feature, true);
      // Opening has added it once more.
      this.visited.splice(-2);
      this.visited[this.visited.length - 1] = feature;
    });
  }

  /** Takes the last decision of this visit back by a new one: what the person, or those before a contest, had said. */
  private async undo(): Promise<void> {
    const last = this.done.at(-1);
    if (last === undefined) {
      this.warn("review_nothing_to_undo");
      return;
    }
    await this.attempt(async () => {
      await this.open(last.feature, true);
      const state = this.shown?.state;
      if (state === undefined) return;
      const { former } = last;
      const wish: Wish = {
        feature: last.feature,
        kind: last.kind === "contest" ? "answer" : "verdict",
        verdict: former?.verdict ?? "not_verified",
        comment: this.words.say("review_undo_comment", { id: last.id }),
        seen: state.heads,
        undo: last.id,
      };
      if (former?.class) wish.class = former.class;
      if (former?.reason) wish.reason = former.reason;
      if (former?.geometry) wish.geometry = former.geometry;
      if (last.kind === "contest") wish.answers = [last.id];
      await this.desk.decide(wish);
      this.done.pop();
      this.seconds.pop();
      this.allDone = false;
      await this.open(last.feature, false);
      this.events.say(this.words.say("review_undone"));
    });
  }

  private onKey(event: KeyboardEvent): void {
    const at = event.target;
    const isField = at instanceof HTMLInputElement || at instanceof HTMLTextAreaElement || at instanceof HTMLSelectElement;
    if (event.key === "Escape" && isField && this.element.contains(at)) {
      this.element.focus();
      return;
    }
    if (!isField && this.outline.onKey(event, this.hasKeys)) {
      event.preventDefault();
      return;
    }
    if (!this.hasKeys || isField || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    // By its place: on French keyboards, digits of the upper row need Shift.
    const digit = /^(?:Digit|Numpad)([1-6])$/.exec(event.code)?.[1];
    const verdict = digit === undefined ? undefined : VERDICTS[Number(digit) - 1];
    const act = verdict === undefined ? this.actions[event.key.toLowerCase()] : () => void this.decide(verdict);
    if (act === undefined) return;
    event.preventDefault();
    if (this.outline.isDrawing) this.warn("outline_first");
    else act();
  }

  /** An outline is drawn in place of the form, or is another one. */
  private onOutline(): void {
    const hasEnded = this.isDrawing && !this.outline.isDrawing;
    this.isDrawing = this.outline.isDrawing;
    this.draw();
    if (hasEnded) this.element.focus();
  }

  /** The state of the outline, with the way to draw it. */
  private drawOutlineRow(): void {
    const { words, outline } = this;
    const decided = this.shown === null ? 0 : outlinesOf(this.shown.state).length;
    const summary = outline.summary();
    const isDecided = this.decidedOutline() !== null;
    const key = isDecided ? "outline_as_decided" : decided > 1 ? "outline_as_disputed" : "outline_as_proposed";
    const what = summary ?? words.say(key);
    const canForget = summary !== null || isDecided;
    const canRestore = !canForget && decided === 1;
    // Drawn anew only with another content: a button keeps the focus.
    const content = outline.canDraw ? [words.language, what, canForget, canRestore].join(" ") : "";
    if (this.outlineRow.dataset["content"] === content) return;
    this.outlineRow.dataset["content"] = content;
    if (!outline.canDraw) {
      fill(this.outlineRow);
      return;
    }
    const draw = h("button", { type: "button", id: "review-key-o", click: () => this.drawOutline() }, h("kbd", {}, "O"), " ", words.say("outline_draw"));
    const small = (id: string, name: Key, act: () => void): HTMLElement => {
      const click = (): void => {
        act();
        this.element.focus();
      };
      return h("button", { type: "button", class: "small", id, click }, words.say(name));
    };
    fill(
      this.outlineRow,
      draw,
      h("p", { class: "more", id: "review-outline-what" }, what),
      canForget ? small("review-outline-forget", "outline_forget", () => outline.takeProposed()) : null,
      canRestore ? small("review-outline-restore", "outline_restore", () => outline.forget()) : null,
    );
  }

  /** What is drawn anew with the language only: fields keep what is written in them. */
  private drawForm(): void {
    const { session, words } = this;
    if (session === null) return;
    const button = (key: string, name: Key, more: Key | null, act: () => void): HTMLElement =>
      h(
        "button",
        { type: "button", id: `review-key-${key}`, title: more === null ? null : words.say(more), click: act },
        h("kbd", {}, key.toUpperCase()),
        " ",
        words.say(name),
      );
    const verdicts = VERDICTS.map((verdict, i) =>
      button(String(i + 1), `verdict_${verdict}`, `verdict_more_${verdict}`, () => void this.decide(verdict)),
    );
    const options = (select: HTMLSelectElement, none: Key, values: [string, string][]): void => {
      const { value } = select;
      fill(select, [["", words.say(none)] as [string, string], ...values].map(([value, text]) => h("option", { value }, text)));
      select.value = value;
    };
    options(this.reason, "review_no_reason", session.reasons.map((reason) => [reason.code, reason[words.language]]));
    options(this.corrected, "review_same_class", session.classes.map((name) => [name, correction(words, name)]));
    const field = (key: string, name: Key, element: HTMLElement): HTMLElement =>
      h("div", { class: "choice" }, h("label", { for: element.id }, h("kbd", {}, key), " ", words.say(name)), element);
    const keys = h("input", {
      type: "checkbox",
      id: "review-keys",
      checked: this.hasKeys,
      change: (event) => (this.hasKeys = (event.target as HTMLInputElement).checked),
    });
    const act = (key: string): (() => void) => this.actions[key] ?? (() => undefined);
    fill(
      this.form,
      h("div", { class: "verdicts", role: "group", "aria-label": words.say("verdict") }, verdicts),
      field("R", "review_reason", this.reason),
      session.classes.length > 0 ? field("K", "review_class", this.corrected) : null,
      this.outlineRow,
      field("C", "review_comment", this.comment),
      h("p", { class: "more", id: "review-comment-more" }, words.say("review_comment_more")),
      h(
        "div",
        { class: "acts" },
        button("s", "review_skip", null, act("s")),
        button("b", "review_back", null, act("b")),
        button("u", "review_undo", null, act("u")),
        button("x", "review_contest", null, act("x")),
      ),
      h("label", { class: "option" }, keys, words.say("review_keys")),
    );
  }

  private draw(): void {
    const { session, shown, words, progress } = this;
    const { problem } = this;
    fill(this.trouble, problem === null ? null : h("p", { class: "alert" }, words.say(problem.key, problem.values)));
    if (session === null) {
      fill(this.head, h("h2", { id: "review-title" }, words.say("tab_review")));
      return;
    }
    const counts = { decided: words.count(progress.decided), all: words.count(progress.all) };
    const done = words.say(session.blind ? "review_progress_task" : "review_progress", counts);
    const pace = this.seconds.length === 0 ? [] : [words.say("review_pace", { seconds: words.number(median(this.seconds), 1) })];
    const place = shown?.place ?? null;
    const where =
      shown === null ? "" : place === null ? words.say("review_outside") : words.say("review_place", { n: words.count(place + 1), all: counts.all });
    fill(
      this.head,
      h("h2", { id: "review-title" }, words.say("review", { name: session.review })),
      h("p", { class: "more" }, words.say("review_as", { ...session.person })),
      h("progress", { id: "review-progress", max: Math.max(1, progress.all), value: progress.decided, "aria-label": done }),
      h("p", { id: "review-done" }, [done, ...pace].join(" · ")),
      this.allDone ? h("p", { class: "badge" }, words.say("review_all_done")) : null,
      shown === null ? null : h("p", { id: "review-what" }, h("strong", {}, this.events.summary(shown.feature))),
      shown === null ? null : h("p", { id: "review-place" }, `${where} · ${words.say("review_status", { status: words.say(`status_${shown.state.status}`) })}`),
    );
    this.form.hidden = shown === null || this.outline.isDrawing;
    fill(this.others, ...(shown === null ? [] : this.decisions(shown.state)));
    this.drawOutlineRow();
    this.events.outlines(shown === null ? [] : outlinesOf(shown.state));
  }

  private decisions(state: FeatureState): HTMLElement[] {
    const { words } = this;
    const title = h("h3", {}, words.say("review_others"));
    if (state.hidden) return [title, h("p", { class: "more" }, words.say("review_hidden"))];
    if (state.decisions.length === 0) return [title, h("p", { class: "more" }, words.say("review_nothing"))];
    return [title, h("ol", { class: "decisions" }, [...state.decisions].reverse().map((one) => this.decision(one)))];
  }

  private decision(one: Decision): HTMLElement {
    const { words, session } = this;
    const verdict = one.verdict === null ? "" : words.say(`verdict_${one.verdict}`);
    const what = { verdict, contest: words.say("review_contests"), answer: words.say("review_answers", { verdict }) }[one.kind];
    const reason = session?.reasons.find((reason) => reason.code === one.reason);
    const more = [
      ...(one.class === null ? [] : [correction(words, one.class)]),
      ...(one.outline ? [words.say("review_outline")] : []),
      ...(reason === undefined ? [] : [reason[words.language]]),
      ...(one.head ? [] : [words.say("review_superseded")]),
    ];
    const who = one.own ? words.say("review_you") : `${one.person.name}, ${one.person.function}, ${one.person.organization}`;
    const time = new Intl.DateTimeFormat(words.language === "fr" ? "fr-FR" : "en-GB", { dateStyle: "medium", timeStyle: "short" });
    return h(
      "li",
      { class: one.head ? "head" : "past" },
      h("p", {}, h("strong", {}, what), ` · ${who}`),
      h("p", { class: "more" }, [time.format(new Date(one.time)), ...more].join(" · ")),
      one.comment === null ? null : h("p", { class: "said" }, one.comment),
    );
  }
}

/** A corrected class, or kind of an event, in the language of the page. */
function correction(words: Words, name: string): string {
  const of = words.className(name);
  return of === name ? words.kind(name) : of;
}

/** What holds again once a decision is undone: the former opinion of the same person; of a contest, what was contested. */
function former(state: FeatureState, kind: Decision["kind"]): Decision | null {
  const heads = state.decisions.filter((one) => one.head && one.verdict !== null);
  if (kind === "contest") return heads.length === 1 ? (heads[0] ?? null) : null;
  return state.decisions.filter((one) => one.own && one.verdict !== null).at(-1) ?? null;
}

/** The corrected outlines of the decisions that count, each once. */
function outlinesOf(state: FeatureState): Geometry[] {
  const all = state.decisions.filter((one) => one.counts).flatMap((one) => (one.geometry === undefined ? [] : [one.geometry]));
  const texts = all.map((geometry) => JSON.stringify(geometry));
  return all.filter((_, i) => texts.indexOf(texts[i] ?? "") === i);
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
