// An outline on the map: drawn while it is edited, with pointer and touch; and outlines that were decided.

import type { FeatureCollection } from "geojson";
import type { GeoJSONSource, Map as MapLibre, MapMouseEvent, MapTouchEvent } from "maplibre-gl";
import type { Geometry, Outline, Position } from "./outline";

export interface SketchEvents {
  /** The outline was changed or another point chosen with the pointer. */
  changed(): void;
  /** A line was closed with the pointer. */
  closed(): void;
}

/** Pixels around a point in which it is meant. */
const REACH = { mouse: 9, touch: 20 };
/** Points of an outline to which handles between them are shown: more would cover it. */
const MOST_MIDDLES = 400;
const COLOR = { line: "#b3005e", point: "#ffffff" };
const LAYERS = ["sketch-area", "sketch-line", "sketch-middles", "sketch-points", "sketch-chosen"];

export class Sketch {
  private isDragged = false;
  private readonly listeners: [string, (event: never) => void][];

  constructor(
    private readonly map: MapLibre,
    private readonly outline: Outline,
    private readonly events: SketchEvents,
  ) {
    const down = (event: MapMouseEvent | MapTouchEvent): void => this.onDown(event);
    const move = (event: MapMouseEvent | MapTouchEvent): void => this.onMove(event);
    const up = (): void => this.onUp();
    const touch = (event: MapTouchEvent): void => (event.points.length > 1 ? this.onUp() : this.onDown(event));
    const click = (event: MapMouseEvent): void => this.onClick(event);
    this.listeners = [
      ["mousedown", down],
      ["touchstart", touch],
      ["mousemove", move],
      ["touchmove", move],
      ["mouseup", up],
      ["touchend", up],
      ["touchcancel", up],
      ["click", click],
    ];
    for (const [name, act] of this.listeners) map.on(name as "click", act as never);
    map.keyboard.disable();
    map.doubleClickZoom.disable();
    map.addSource("sketch", { type: "geojson", data: this.data() });
    const kind = (name: string): ["==", ["get", string], string] => ["==", ["get", "kind"], name];
    const circle = (id: string, radius: number, color: string, width: number): void => {
      const paint = { "circle-radius": radius, "circle-color": color, "circle-stroke-color": COLOR.line, "circle-stroke-width": width };
      map.addLayer({ id, type: "circle", source: "sketch", filter: kind(id), paint });
    };
    map.addLayer({ id: "sketch-area", type: "fill", source: "sketch", filter: kind("area"), paint: { "fill-color": COLOR.line, "fill-opacity": 0.12 } });
    map.addLayer({ id: "sketch-line", type: "line", source: "sketch", filter: kind("line"), paint: { "line-color": COLOR.line, "line-width": 2.5 } });
    circle("sketch-middles", 3, COLOR.point, 1.2);
    circle("sketch-points", 5, COLOR.point, 2);
    circle("sketch-chosen", 8, COLOR.line, 2);
  }

  end(): void {
    const { map } = this;
    for (const [name, act] of this.listeners) map.off(name as "click", act as never);
    for (const layer of LAYERS) map.removeLayer(layer);
    map.removeSource("sketch");
    map.keyboard.enable();
    map.doubleClickZoom.enable();
    map.getCanvas().style.cursor = "";
  }

  draw(): void {
    this.map.getSource<GeoJSONSource>("sketch")?.setData(this.data());
  }

  /** Moves the chosen point by pixels of the screen. */
  nudge(x: number, y: number): void {
    const { chosen } = this.outline;
    if (chosen === null) return;
    const at = this.map.project(chosen);
    const { lng, lat } = this.map.unproject([at.x + x, at.y + y]);
    this.outline.move([lng, lat]);
  }

  /** A place beside the chosen point, or the middle of the map. */
  beside(): Position {
    const { chosen } = this.outline;
    const { lng, lat } = chosen === null ? this.map.getCenter() : this.map.unproject(this.map.project(chosen).add({ x: 30, y: 0 } as never));
    return [lng, lat];
  }

  /** Moves the map where the chosen point is not on it. */
  follow(): void {
    const { chosen } = this.outline;
    if (chosen === null) return;
    const { x, y } = this.map.project(chosen);
    const { clientWidth, clientHeight } = this.map.getCanvas();
    if (x < 20 || y < 20 || x > clientWidth - 20 || y > clientHeight - 20) this.map.jumpTo({ center: chosen });
  }

  zoom(by: number): void {
    this.map.jumpTo({ zoom: this.map.getZoom() + by, center: this.outline.chosen ?? this.map.getCenter() });
  }

  private data(): FeatureCollection {
    const { outline } = this;
    const features: FeatureCollection["features"] = [];
    const add = (kind: string, geometry: FeatureCollection["features"][number]["geometry"]): void => {
      features.push({ type: "Feature", properties: { kind }, geometry });
    };
    const { isOpen, at } = outline;
    if (!isOpen) {
      const geometry = outline.toGeometry();
      if (geometry.type === "Polygon" || geometry.type === "MultiPolygon") add("area", geometry);
    }
    for (const ring of outline.rings) {
      const first = ring[0];
      if (first !== undefined) add("line", { type: "LineString", coordinates: isOpen ? ring : [...ring, first] });
    }
    const { points } = outline;
    if (points.length <= MOST_MIDDLES) for (const middle of outline.middles) if (middle !== null) add("sketch-middles", { type: "Point", coordinates: middle });
    for (const [i, point] of points.entries()) add(i === at ? "sketch-chosen" : "sketch-points", { type: "Point", coordinates: point });
    return { type: "FeatureCollection", features };
  }

  /** The nearest of some places to a point of the screen, within the reach of the pointer. */
  private nearest(places: (Position | null)[], { x, y }: { x: number; y: number }, reach: number): number | null {
    let [found, least]: [number | null, number] = [null, reach];
    for (const [i, place] of places.entries()) {
      if (place === null) continue;
      const at = this.map.project(place);
      const distance = Math.hypot(at.x - x, at.y - y);
      if (distance <= least) [found, least] = [i, distance];
    }
    return found;
  }

  private onDown(event: MapMouseEvent | MapTouchEvent): void {
    const isTouch = event.originalEvent.type.startsWith("touch");
    const reach = isTouch ? REACH.touch : REACH.mouse;
    const { outline } = this;
    let at = this.nearest(outline.points, event.point, reach);
    if (at === null && outline.points.length <= MOST_MIDDLES) {
      const after = this.nearest(outline.middles, event.point, reach);
      if (after !== null) {
        outline.insert(after, outline.middles[after] ?? [event.lngLat.lng, event.lngLat.lat]);
        at = outline.at;
      }
    }
    if (at === null) return;
    // The map does not move with it.
    event.preventDefault();
    outline.choose(at);
    this.isDragged = true;
    this.events.changed();
  }

  private onMove(event: MapMouseEvent | MapTouchEvent): void {
    if (!this.isDragged) return;
    // The button was released outside of the map, or a second finger came: the map does not report the end then.
    const { originalEvent } = event;
    if ("touches" in originalEvent ? originalEvent.touches.length > 1 : originalEvent.buttons === 0) {
      this.onUp();
      return;
    }
    event.preventDefault();
    this.outline.move([event.lngLat.lng, event.lngLat.lat]);
    this.events.changed();
  }

  private onUp(): void {
    if (!this.isDragged) return;
    this.isDragged = false;
    this.outline.release();
    this.events.changed();
  }

  /** Adds a point to a line, or closes it at its first one. */
  private onClick(event: MapMouseEvent): void {
    const { outline } = this;
    if (!outline.isOpen) return;
    const at = this.nearest(outline.points, event.point, REACH.mouse);
    if (at === 0 && outline.close()) {
      this.events.closed();
      return;
    }
    if (at !== null) return;
    outline.insert(outline.points.length - 1, [event.lngLat.lng, event.lngLat.lat]);
    this.events.changed();
  }
}

/** Shows outlines that were decided, each by a broken line. */
export function showDecided(map: MapLibre, outlines: Geometry[]): void {
  const features = outlines.map((geometry) => ({ type: "Feature", properties: {}, geometry }));
  const data = { type: "FeatureCollection", features } as FeatureCollection;
  const source = map.getSource<GeoJSONSource>("decided");
  if (source !== undefined) {
    source.setData(data);
    return;
  }
  if (outlines.length === 0) return;
  map.addSource("decided", { type: "geojson", data });
  const line = { type: "line", source: "decided" } as const;
  map.addLayer({ id: "decided-halo", ...line, paint: { "line-color": "#ffffff", "line-width": 5 } });
  map.addLayer({ id: "decided-line", ...line, paint: { "line-color": COLOR.line, "line-width": 2.5, "line-dasharray": [2, 1.5] } });
}
