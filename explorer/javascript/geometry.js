// Pure functions of numbers: periodic images, cell edges, bonds. Lengths in Å.

/** Two atoms are bonded when closer than their covalent radii and this (O'Boyle et al., Open Babel, 2011). */
const BOND_TOLERANCE = 0.45;
/** Closer than this is an overlap, not a bond. */
const SHORTEST_BOND = 0.4;

/** A plain Float32Array on the same memory: `subarray` of Bokeh's own array class doesn't cut. */
function plainFloats(array) {
  return array ? new Float32Array(array.buffer, array.byteOffset, array.length) : null;
}

/** The cell of a frame as three vectors, or null; one cell may serve all frames. */
function cellOf(scene, frame) {
  const cells = plainFloats(scene.cells);
  if (!cells) return null;
  const start = cells.length > 9 ? 9 * frame : 0;
  return [0, 3, 6].map((row) => Array.from(cells.subarray(start + row, start + row + 3)));
}

const plus = (p, q) => p.map((x, k) => x + q[k]);
const times = (p, factor) => p.map((x) => x * factor);
const lengthOf = (p) => Math.hypot(...p);

/** The shift of each image that is drawn, whole numbers; the original comes first. */
function imageShifts([n1, n2, n3]) {
  const shifts = [];
  for (let i = 0; i < n1; i++) for (let j = 0; j < n2; j++) for (let k = 0; k < n3; k++) shifts.push([i, j, k]);
  return shifts;
}

/** Positions of all that is drawn in a frame, image after image, flat. */
function drawnPositions(scene, frame) {
  const size = 3 * scene.n_atoms;
  const original = plainFloats(scene.positions).subarray(frame * size, (frame + 1) * size);
  const shifts = imageShifts(scene.repeat);
  if (shifts.length === 1) return original;
  const cell = cellOf(scene, frame);
  const drawn = new Float32Array(size * shifts.length);
  shifts.forEach((shift, image) => {
    const offset = shift.map((n, axis) => times(cell[axis], n)).reduce(plus);
    for (let k = 0; k < size; k++) drawn[image * size + k] = original[k] + offset[k % 3];
  });
  return drawn;
}

/** The edges of a cell, each {from, to, axis}; `axis` is 0, 1, 2 for the vectors themselves. Missing vectors: fewer. */
function cellEdges(cell) {
  const vectors = cell.map((vector, axis) => ({ vector, axis })).filter(({ vector }) => lengthOf(vector) > 1e-6);
  const edges = [];
  vectors.forEach(({ vector, axis }, which) => {
    const others = vectors.filter((_, k) => k !== which).map((other) => other.vector);
    for (const corner of cornersOf(others)) {
      edges.push({ from: corner, to: plus(corner, vector), axis: lengthOf(corner) === 0 ? axis : null });
    }
  });
  return edges;
}

function cornersOf(vectors) {
  return vectors.reduce((corners, vector) => corners.concat(corners.map((c) => plus(c, vector))), [[0, 0, 0]]);
}

/** Centre and radius of a sphere around points given flat. */
function sphereAround(points) {
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  for (let k = 0; k < points.length; k++) {
    low[k % 3] = Math.min(low[k % 3], points[k]);
    high[k % 3] = Math.max(high[k % 3], points[k]);
  }
  const centre = times(plus(low, high), 0.5);
  let radius = 0;
  for (let k = 0; k < points.length; k += 3) {
    radius = Math.max(radius, Math.hypot(points[k] - centre[0], points[k + 1] - centre[1], points[k + 2] - centre[2]));
  }
  return { centre, radius };
}

/**
 * Pairs of bonded atoms, flat [i, j, i, j, ...], i < j, among what is drawn.
 *
 * Atoms are sorted into boxes as wide as the longest bond, so that the time grows as the number of atoms.
 */
function findBonds(positions, radii) {
  const width = 2 * radii.reduce((a, b) => Math.max(a, b), 0) + BOND_TOLERANCE;
  const n = radii.length;
  const boxOf = (i) => [0, 1, 2].map((c) => Math.floor(positions[3 * i + c] / width));
  const boxes = new Map();
  const bonds = [];
  for (let i = 0; i < n; i++) {
    const [x, y, z] = boxOf(i);
    for (let dx = -1; dx <= 1; dx++) for (let dy = -1; dy <= 1; dy++) for (let dz = -1; dz <= 1; dz++) {
      for (const j of boxes.get(`${x + dx},${y + dy},${z + dz}`) ?? []) {
        if (areBonded(positions, radii, i, j)) bonds.push(j, i);
      }
    }
    const key = `${x},${y},${z}`;
    if (boxes.has(key)) boxes.get(key).push(i); else boxes.set(key, [i]);
  }
  return bonds;
}

function areBonded(positions, radii, i, j) {
  const a = 3 * i, b = 3 * j;
  const distance = Math.hypot(
    positions[a] - positions[b], positions[a + 1] - positions[b + 1], positions[a + 2] - positions[b + 2]);
  return distance > SHORTEST_BOND && distance < radii[i] + radii[j] + BOND_TOLERANCE;
}
