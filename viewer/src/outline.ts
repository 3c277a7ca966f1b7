// An outline that a person draws: polygons as lists of points, what is done to them, and what makes them invalid. No map, no page.

export type Position = [number, number];

/** GeoJSON in longitude and latitude, as decisions have it. */
export type Geometry =
  | { type: "Polygon"; coordinates: Position[][] }
  | { type: "MultiPolygon"; coordinates: Position[][][] }
  | { type: "Point" | "LineString" | "MultiLineString"; coordinates: unknown };

/** What the server accepts. */
export interface OutlineLimits {
  /** Most positions, closing ones included. */
  positions: number;
  /** Largest area, square meters. */
  area_m2: number;
  /** West, south, east and north end of where an outline may be. */
  box: [number, number, number, number];
}

export type Problem = "few" | "many" | "crosses" | "hole" | "large" | "outside";

/** Polygons of rings without their closing position; the first ring is the outer one. */
type Parts = Position[][][];

interface Moment {
  parts: Parts;
  /** The chosen point, counted through all rings. */
  at: number;
  /** Whether it is a line that is not closed yet. */
  isOpen: boolean;
}

/** Decimals of degrees: a tenth of a millimeter. */
const DECIMALS = 9;
/** Earth's equatorial radius, meters (WGS 84), as the server uses it. */
const RADIUS = 6_378_137;

const round = (value: number): number => Number(value.toFixed(DECIMALS));

export class Outline {
  private readonly past: Moment[] = [];
  /** The point whose moves are one step for undo. */
  private moving = -1;

  private constructor(private now: Moment) {}

  /** Of areas; null for other geometries. */
  static of(geometry: Geometry): Outline | null {
    if (geometry.type !== "Polygon" && geometry.type !== "MultiPolygon") return null;
    const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
    const parts = polygons.map((rings) => rings.map((ring) => ring.slice(0, -1).map(([x, y]): Position => [x, y])));
    return new Outline({ parts, at: 0, isOpen: false });
  }

  /** Without any point. */
  static empty(): Outline {
    return new Outline({ parts: [[[]]], at: 0, isOpen: true });
  }

  get isOpen(): boolean {
    return this.now.isOpen;
  }

  get at(): number {
    return this.now.at;
  }

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  /** All points, ring after ring. */
  get points(): Position[] {
    return this.now.parts.flat(2);
  }

  get chosen(): Position | null {
    return this.points[this.now.at] ?? null;
  }

  /** Rings of points. */
  get rings(): Position[][] {
    return this.now.parts.flat();
  }

  /** The middle of the edge after each point, in the order of the points. A line that is not closed has none after its last one. */
  get middles(): (Position | null)[] {
    const { isOpen } = this.now;
    return this.rings.flatMap((ring) => ring.map((point, i) => (isOpen && i === ring.length - 1 ? null : middle(point, ring[(i + 1) % ring.length] ?? point))));
  }

  private change(change: (moment: Moment) => void): void {
    this.past.push(structuredClone(this.now));
    this.moving = -1;
    change(this.now);
  }

  /** The ring of a point, and the point's place in it. */
  private place(at: number): { part: number; ring: number; i: number } | null {
    let left = at;
    for (const [part, rings] of this.now.parts.entries()) {
      for (const [ring, points] of rings.entries()) {
        if (left < points.length) return { part, ring, i: left };
        left -= points.length;
      }
    }
    return null;
  }

  choose(at: number): void {
    this.moving = -1;
    this.now.at = Math.max(0, Math.min(at, this.points.length - 1));
  }

  /** The next point, or with -1 the one before. */
  step(by: number): void {
    const count = this.points.length;
    if (count > 0) this.choose((this.now.at + by + count) % count);
  }

  /** Moves the chosen point; moves of one point after the other are undone together. */
  move([x, y]: Position): void {
    const place = this.place(this.now.at);
    if (place === null) return;
    if (this.moving !== this.now.at) this.past.push(structuredClone(this.now));
    this.moving = this.now.at;
    const ring = this.now.parts[place.part]?.[place.ring];
    if (ring !== undefined) ring[place.i] = [x, y];
  }

  /** Ends a move: the next one is undone by itself. */
  release(): void {
    this.moving = -1;
  }

  /** Adds a point after another one and chooses it. */
  insert(after: number, [x, y]: Position): void {
    const place = this.place(after) ?? { part: 0, ring: 0, i: -1 };
    this.change((now) => {
      now.parts[place.part]?.[place.ring]?.splice(place.i + 1, 0, [x, y]);
      now.at = place.i < 0 ? 0 : after + 1;
    });
  }

  /** Removes the chosen point; a hole or a part of less than three points goes with it. Whether that was possible. */
  remove(): boolean {
    const place = this.place(this.now.at);
    if (place === null) return false;
    const rings = this.now.parts[place.part];
    const ring = rings?.[place.ring];
    if (rings === undefined || ring === undefined) return false;
    const isLast = place.ring === 0 && this.now.parts.length === 1;
    if (!this.now.isOpen && ring.length <= 3 && isLast) return false;
    this.change((now) => {
      if (now.isOpen || ring.length > 3) ring.splice(place.i, 1);
      else if (place.ring > 0) rings.splice(place.ring, 1);
      else now.parts.splice(place.part, 1);
      const count = now.parts.flat(2).length;
      now.at = Math.max(0, Math.min(now.at, count - 1));
    });
    return true;
  }

  /** Begins anew, without any point. */
  clear(): void {
    this.change((now) => {
      [now.parts, now.at, now.isOpen] = [[[[]]], 0, true];
    });
  }

  /** Closes a line of three or more points. Whether that was possible. */
  close(): boolean {
    if (!this.now.isOpen || this.points.length < 3) return false;
    this.change((now) => (now.isOpen = false));
    return true;
  }

  undo(): boolean {
    const last = this.past.pop();
    if (last === undefined) return false;
    this.now = last;
    this.moving = -1;
    return true;
  }

  /** As decisions have it: rings are closed, and points that repeat the one before are left out. */
  toGeometry(): Geometry {
    const closed = (ring: Position[]): Position[] => {
      const points = ring.map(([x, y]): Position => [round(x), round(y)]);
      const kept = points.filter(([x, y], i) => {
        const before = points[(i + points.length - 1) % points.length];
        return points.length === 1 || before === undefined || before[0] !== x || before[1] !== y;
      });
      return kept.length === 0 ? [] : [...kept, kept[0] as Position];
    };
    const polygons = this.now.parts.map((rings) => rings.map(closed));
    return polygons.length === 1 ? { type: "Polygon", coordinates: polygons[0] ?? [] } : { type: "MultiPolygon", coordinates: polygons };
  }
}

export function middle([ax, ay]: Position, [bx, by]: Position): Position {
  return [(ax + bx) / 2, (ay + by) / 2];
}

/** The polygons of an area, with closed rings. */
function polygons(geometry: Geometry): Position[][][] {
  if (geometry.type === "Polygon") return [geometry.coordinates];
  return geometry.type === "MultiPolygon" ? geometry.coordinates : [];
}

/** Number of positions. */
export function positions(geometry: Geometry): number {
  return polygons(geometry).flat(2).length;
}

/** Area on the sphere, square meters. */
export function area(geometry: Geometry): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180;
  const ring = (points: Position[]): number => {
    let sum = 0;
    for (const [i, [x, y]] of points.slice(0, -1).entries()) {
      const [nextX, nextY] = points[i + 1] ?? [x, y];
      sum += radians(nextX - x) * (2 + Math.sin(radians(y)) + Math.sin(radians(nextY)));
    }
    return Math.abs((sum * RADIUS * RADIUS) / 2);
  };
  const of = ([outer, ...holes]: Position[][]): number => ring(outer ?? []) - holes.reduce((sum, hole) => sum + ring(hole), 0);
  return polygons(geometry).reduce((sum, rings) => sum + of(rings), 0);
}

interface Edge {
  a: Position;
  b: Position;
  ring: number;
  i: number;
  /** Edges of the ring. */
  of: number;
}

/** On which side of a line a point is: positive, negative or 0. */
function side([ax, ay]: Position, [bx, by]: Position, [x, y]: Position): number {
  return Math.sign((bx - ax) * (y - ay) - (by - ay) * (x - ax));
}

function isBetween([ax, ay]: Position, [bx, by]: Position, [x, y]: Position): boolean {
  return Math.min(ax, bx) <= x && x <= Math.max(ax, bx) && Math.min(ay, by) <= y && y <= Math.max(ay, by);
}

const isSame = (a: Position, b: Position): boolean => a[0] === b[0] && a[1] === b[1];

/** Whether two edges may not be as they are. Rings may touch each other at a point, and not themselves. */
function conflict(one: Edge, other: Edge): boolean {
  const sides = [side(one.a, one.b, other.a), side(one.a, one.b, other.b), side(other.a, other.b, one.a), side(other.a, other.b, one.b)];
  const isNext = one.ring === other.ring && ((one.i + 1) % one.of === other.i || (other.i + 1) % other.of === one.i);
  if (isNext) {
    const shared = isSame(one.b, other.a) ? one.b : one.a;
    const [p, q] = [isSame(one.a, shared) ? one.b : one.a, isSame(other.a, shared) ? other.b : other.a];
    // An edge that goes back on the one before.
    return side(shared, p, q) === 0 && (p[0] - shared[0]) * (q[0] - shared[0]) + (p[1] - shared[1]) * (q[1] - shared[1]) > 0;
  }
  const [a = 0, b = 0, c = 0, d = 0] = sides;
  if (a * b < 0 && c * d < 0) return true;
  if (sides.every((value) => value === 0)) {
    const ends = [isBetween(one.a, one.b, other.a), isBetween(one.a, one.b, other.b), isBetween(other.a, other.b, one.a), isBetween(other.a, other.b, one.b)];
    const touching = ends.filter(Boolean).length;
    const atEnds = [isSame(one.a, other.a), isSame(one.a, other.b), isSame(one.b, other.a), isSame(one.b, other.b)].some(Boolean);
    return touching > 2 || (touching > 0 && (!atEnds || one.ring === other.ring));
  }
  if (one.ring !== other.ring) return false;
  return (
    (a === 0 && isBetween(one.a, one.b, other.a)) ||
    (b === 0 && isBetween(one.a, one.b, other.b)) ||
    (c === 0 && isBetween(other.a, other.b, one.a)) ||
    (d === 0 && isBetween(other.a, other.b, one.b))
  );
}

/** Whether an edge crosses another one. Edges are compared along x, so that thousands of them take milliseconds. */
function crosses(rings: Position[][]): boolean {
  const edges = rings.flatMap((points, ring) =>
    points.slice(0, -1).map((a, i): Edge => ({ a, b: points[i + 1] ?? a, ring, i, of: points.length - 1 })),
  );
  const west = (edge: Edge): number => Math.min(edge.a[0], edge.b[0]);
  edges.sort((one, other) => west(one) - west(other));
  for (const [i, one] of edges.entries()) {
    const east = Math.max(one.a[0], one.b[0]);
    const [south, north] = [Math.min(one.a[1], one.b[1]), Math.max(one.a[1], one.b[1])];
    for (let j = i + 1; j < edges.length; j++) {
      const other = edges[j];
      if (other === undefined || west(other) > east) break;
      if (Math.max(other.a[1], other.b[1]) < south || Math.min(other.a[1], other.b[1]) > north) continue;
      if (conflict(one, other)) return true;
    }
  }
  return false;
}

/** Whether a point is inside of a closed ring, or on it. */
function isInside(ring: Position[], [x, y]: Position): boolean {
  let inside = false;
  for (const [i, a] of ring.slice(0, -1).entries()) {
    const b = ring[i + 1] ?? a;
    if (side(a, b, [x, y]) === 0 && isBetween(a, b, [x, y])) return true;
    if (a[1] > y !== b[1] > y && x < ((b[0] - a[0]) * (y - a[1])) / (b[1] - a[1]) + a[0]) inside = !inside;
  }
  return inside;
}

/** Why an area cannot be an outline; null if it can. The server checks it again. */
export function problem(geometry: Geometry, limits: OutlineLimits): Problem | null {
  const parts = polygons(geometry);
  const rings = parts.flat();
  if (rings.length === 0 || rings.some((ring) => ring.length < 4)) return "few";
  if (positions(geometry) > limits.positions) return "many";
  const [west, south, east, north] = limits.box;
  if (rings.flat().some(([x, y]) => x < west || x > east || y < south || y > north)) return "outside";
  if (crosses(rings)) return "crosses";
  const isOut = ([outer = [], ...holes]: Position[][]): boolean => holes.some((hole) => hole.some((point) => !isInside(outer, point)));
  const isIn = (point: Position, i: number): boolean => parts.some(([outer = []], j) => j !== i && isInside(outer, point));
  if (parts.some(isOut)) return "hole";
  if (parts.length > 1 && parts.some(([outer = []], i) => outer.every((point) => isIn(point, i)))) return "crosses";
  return area(geometry) > limits.area_m2 ? "large" : null;
}
