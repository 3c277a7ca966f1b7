// Writes a PMTiles archive (version 3) of vector tiles for the tests.
import { GeoJSONVT } from "@maplibre/geojson-vt";
import { fromGeojsonVt } from "@maplibre/vt-pbf";
import { zxyToTileId } from "pmtiles";
import { gzipSync } from "node:zlib";

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

/** An archive of layers, each a collection of features in degrees, from zoom 0 to `maxZoom`. */
export function archive(layers, maxZoom, bounds) {
  const options = { maxZoom, tolerance: 1, extent: 4096, buffer: 8 };
  const indexes = Object.entries(layers).map(([name, data]) => [name, new GeoJSONVT(data, options)]);
  const places = new Map();
  for (let z = 0; z <= maxZoom; z++) {
    const [[west, south], [east, north]] = [tileOf(bounds[0], bounds[1], z), tileOf(bounds[2], bounds[3], z)];
    for (let x = west; x <= east; x++) for (let y = north; y <= south; y++) places.set(zxyToTileId(z, x, y), [z, x, y]);
  }
  const ids = [...places.keys()].sort((a, b) => a - b);
  const tiles = ids.map((id) => {
    const found = indexes.map(([name, index]) => [name, index.getTile(...places.get(id))]).filter(([, tile]) => tile);
    return gzipSync(fromGeojsonVt(Object.fromEntries(found), { version: 2, extent: 4096 }));
  });
  const lengths = tiles.map((tile) => tile.length);
  const offsets = lengths.map((_, i) => (i === 0 ? 1 : 0));
  const deltas = ids.map((id, i) => id - (ids[i - 1] ?? 0));
  const directory = gzipSync(varints([ids.length, ...deltas, ...ids.map(() => 1), ...lengths, ...offsets]));
  const vector_layers = Object.keys(layers).map((id) => ({ id, fields: {}, minzoom: 0, maxzoom: maxZoom }));
  const metadata = gzipSync(JSON.stringify({ vector_layers }));
  const header = Buffer.alloc(127);
  header.write("PMTiles\x03", "latin1");
  const data = 127 + directory.length + metadata.length;
  const size = lengths.reduce((sum, length) => sum + length, 0);
  const counts = [ids.length, ids.length, ids.length];
  const places64 = [127, directory.length, 127 + directory.length, metadata.length, data, 0, data, size, ...counts];
  places64.forEach((value, i) => header.writeBigUInt64LE(BigInt(value), 8 + 8 * i));
  // Clustered, gzip for directories and for tiles, vector tiles, zooms.
  [1, 2, 2, 1, 0, maxZoom].forEach((value, i) => header.writeUInt8(value, 96 + i));
  bounds.forEach((degrees, i) => header.writeInt32LE(Math.round(degrees * 1e7), 102 + 4 * i));
  header.writeUInt8(0, 118);
  header.writeInt32LE(Math.round(((bounds[0] + bounds[2]) / 2) * 1e7), 119);
  header.writeInt32LE(Math.round(((bounds[1] + bounds[3]) / 2) * 1e7), 123);
  return Buffer.concat([header, directory, metadata, ...tiles]);
}
