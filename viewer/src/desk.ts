// The server of a review: who decides about what, and decisions. `crates/arpent-job/src/review/serve/wire.rs` has the same types.

import type { Both } from "./facts";
import type { Geometry, OutlineLimits } from "./outline";

export type Verdict = "confirmed" | "invalidated" | "suspect" | "illegal" | "legitimate" | "not_verified";
export type Status = "open" | "decided" | "disputed" | "contested";

export interface Person {
  name: string;
  function: string;
  organization: string;
}

export interface Progress {
  decided: number;
  all: number;
}

export interface Session {
  token?: string;
  person: Person;
  review: string;
  reasons: ({ code: string } & Both)[];
  classes: string[];
  blind: boolean;
  poll_s: number;
  /** Limits of corrected outlines; null if none can be drawn. */
  outlines: OutlineLimits | null;
  progress: Progress;
}

export interface Decision {
  id: string;
  kind: "verdict" | "contest" | "answer";
  verdict: Verdict | null;
  class: string | null;
  reason: string | null;
  comment: string | null;
  outline: boolean;
  /** The corrected outline, of decisions that count and of one's own. */
  geometry?: Geometry;
  person: Person;
  time: string;
  own: boolean;
  head: boolean;
  /** Whether its opinion counts: it is such a one, or what a contest among them is about. */
  counts: boolean;
}

export interface FeatureState {
  hidden: boolean;
  status: Status;
  heads: string[];
  contests: string[];
  decisions: Decision[];
}

export interface Next {
  place: number | null;
  feature: string | null;
  progress: Progress;
}

export interface Shown {
  feature: string;
  place: number | null;
  state: FeatureState;
  progress: Progress;
}

export interface Wish {
  feature: string;
  kind: Decision["kind"];
  verdict?: Verdict;
  reason?: string;
  comment?: string;
  class?: string;
  geometry?: Geometry;
  answers?: string[];
  seen: string[];
  scenes?: number[];
  duration_ms?: number;
  undo?: string;
}

export interface Accepted {
  id: string;
  state: FeatureState;
  progress: Progress;
}

/** Why the server does not do what was asked; 0 where it does not answer. */
export class DeskError extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    /** The state of the feature, if others have decided. */
    readonly state: FeatureState | null = null,
  ) {
    super(detail);
  }
}

const KEY = "arpent-review-token";

/** The token of the address, which is kept for this tab and taken out of the address: a link that is shared lacks it. */
export function takeToken(): string {
  const parts = new URLSearchParams(location.hash.replace(/^#/, ""));
  const token = parts.get("review");
  if (token !== null) {
    sessionStorage.setItem(KEY, token);
    parts.delete("review");
    history.replaceState(null, "", `${location.pathname}${location.search}#${parts}`);
  }
  return sessionStorage.getItem(KEY) ?? "";
}

export class Desk {
  constructor(private token: string) {}

  async session(): Promise<Session> {
    const session = await this.ask<Session>("session");
    // Behind a reverse proxy, the first answer has it.
    this.token = session.token ?? this.token;
    return session;
  }

  next(from: number): Promise<Next> {
    return this.ask(`next?from=${from}`);
  }

  feature(id: string): Promise<Shown> {
    return this.ask(`feature?id=${encodeURIComponent(id)}`);
  }

  /** The outline of a feature as it was proposed; null if it is too long to be edited. */
  async outline(id: string): Promise<Geometry | null> {
    return (await this.ask<{ geometry: Geometry | null }>(`outline?id=${encodeURIComponent(id)}`)).geometry;
  }

  decide(wish: Wish): Promise<Accepted> {
    return this.ask("decisions", JSON.stringify(wish));
  }

  private async ask<T>(name: string, body?: string): Promise<T> {
    const headers: Record<string, string> = { "X-Arpent-Token": this.token };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let response: Response;
    let answer: T & { error?: { message: string; hint: string | null }; state?: FeatureState };
    try {
      response = await fetch(`review/${name}`, { method: body === undefined ? "GET" : "POST", headers, body: body ?? null });
      answer = await response.json();
    } catch (error) {
      throw new DeskError(0, String(error));
    }
    if (response.ok) return answer;
    const { message, hint } = answer.error ?? { message: String(response.status), hint: null };
    throw new DeskError(response.status, hint === null ? message : `${message} (${hint})`, answer.state ?? null);
  }
}

/** How long something is looked at: the time in which the page is visible. */
export class Stopwatch {
  private past = 0;
  private since: number | null = null;

  constructor() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : this.resume()));
  }

  start(): void {
    [this.past, this.since] = [0, null];
    if (!document.hidden) this.resume();
  }

  /** Milliseconds since the start. */
  get elapsed(): number {
    return Math.round(this.past + (this.since === null ? 0 : performance.now() - this.since));
  }

  private pause(): void {
    this.past = this.elapsed;
    this.since = null;
  }

  private resume(): void {
    this.since ??= performance.now();
  }
}
