// Writes PMTiles archives (version 3) for the tests: vector tiles, and pictures of one color.
import { GeoJSONVT } from "@maplibre/geojson-vt";
import { fromGeojsonVt } from "@maplibre/vt-pbf";
import { zxyToTileId } from "pmtiles";
import zlib, { deflateSync, gzipSync } from "node:zlib";

function varints(values) {
  const bytes = [];
  for (let value of values) {
    for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
    bytes.push(value);
  }
  return Buffer.from(bytes);
}

/** Column and row of the tile that a place is in. */
function tileOf(longitude, latitude, z) {
  const y = 0.5 - Math.log(Math.tan(Math.PI / 4 + (latitude * Math.PI) / 360)) / (2 * Math.PI);
  return [longitude / 360 + 0.5, y].map((part) => Math.floor(part * 2 ** z));
}

/** The tiles over an extent, by id, in its order. */
function tilesOver(bounds, maxZoom) {
  const places = new Map();
  for (let z = 0; z <= maxZoom; z++) {
    const [[west, south], [east, north]] = [tileOf(bounds[0], bounds[1], z), tileOf(bounds[2], bounds[3], z)];
    for (let x = west; x <= east; x++) for (let y = north; y <= south; y++) places.set(zxyToTileId(z, x, y), [z, x, y]);
  }
  return new Map([...places].sort(([a], [b]) => a - b));
}

/** An archive of tiles by id; `type` is that of the format: 1 for vector tiles (in gzip), 2 for PNG. */
function container(tiles, type, metadata, maxZoom, bounds) {
  const ids = [...tiles.keys()];
  const lengths = [...tiles.values()].map((tile) => tile.length);
  const offsets = lengths.map((_, i) => (i === 0 ? 1 : 0));
  const deltas = ids.map((id, i) => id - (ids[i - 1] ?? 0));
  const directory = gzipSync(varints([ids.length, ...deltas, ...ids.map(() => 1), ...lengths, ...offsets]));
  const described = gzipSync(JSON.stringify(metadata));
  const header = Buffer.alloc(127);
  header.write("PMTiles\x03", "latin1");
  const data = 127 + directory.length + described.length;
  const size = lengths.reduce((sum, length) => sum + length, 0);
  const counts = [ids.length, ids.length, ids.length];
  const places64 = [127, directory.length, 127 + directory.length, described.length, data, 0, data, size, ...counts];
  places64.forEach((value, i) => header.writeBigUInt64LE(BigInt(value), 8 + 8 * i));
  // Clustered; directories in gzip; compression and type of tiles; zooms.
  [1, 2, type === 1 ? 2 : 1, type, 0, maxZoom].forEach((value, i) => header.writeUInt8(value, 96 + i));
  bounds.forEach((degrees, i) => header.writeInt32LE(Math.round(degrees * 1e7), 102 + 4 * i));
  header.writeUInt8(0, 118);
  header.writeInt32LE(Math.round(((bounds[0] + bounds[2]) / 2) * 1e7), 119);
  header.writeInt32LE(Math.round(((bounds[1] + bounds[3]) / 2) * 1e7), 123);
  return Buffer.concat([header, directory, described, ...tiles.values()]);
}

/** An archive of layers, each a collection of features in degrees, from zoom 0 to `maxZoom`. */
export function archive(layers, maxZoom, bounds) {
  const options = { maxZoom, tolerance: 1, extent: 4096, buffer: 8 };
  const indexes = Object.entries(layers).map(([name, data]) => [name, new GeoJSONVT(data, options)]);
  const tiles = tilesOver(bounds, maxZoom);
  for (const [id, place] of tiles) {
    const found = indexes.map(([name, index]) => [name, index.getTile(...place)]).filter(([, tile]) => tile);
    tiles.set(id, gzipSync(fromGeojsonVt(Object.fromEntries(found), { version: 2, extent: 4096 })));
  }
  const vector_layers = Object.keys(layers).map((id) => ({ id, fields: {}, minzoom: 0, maxzoom: maxZoom }));
  return container(tiles, 1, { vector_layers }, maxZoom, bounds);
}

/** A PNG of one color, 256 by 256. */
function png(color) {
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
    const ends = [Buffer.alloc(4), Buffer.alloc(4)];
    ends[0].writeUInt32BE(data.length);
    ends[1].writeUInt32BE(checksum(body));
    return Buffer.concat([ends[0], body, ends[1]]);
  };
  const head = Buffer.from([0, 0, 1, 0, 0, 0, 1, 0, 8, 2, 0, 0, 0]);
  const row = Buffer.from([0, ...Array.from({ length: 256 }, () => color).flat()]);
  const rows = deflateSync(Buffer.concat(Array.from({ length: 256 }, () => row)));
  const parts = [chunk("IHDR", head), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...parts]);
}

/** CRC-32, which older versions of zlib's module do not have. */
function checksum(bytes) {
  if (zlib.crc32) return zlib.crc32(bytes);
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** An archive of pictures of one color. */
export function pictures(color, maxZoom, bounds) {
  const tiles = tilesOver(bounds, maxZoom);
  const picture = png(color);
  for (const id of tiles.keys()) tiles.set(id, picture);
  return container(tiles, 2, {}, maxZoom, bounds);
}
