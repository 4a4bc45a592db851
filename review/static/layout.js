// Rows of one height that fill the width, every picture whole: computed once for all, so that ten thousand cost nothing.

export const CAPTION = 50; // pixels below each picture
const GAP = 10;
const NARROWEST = 0.62, WIDEST = 2.4; // width by height that a tile may have

// Gives { rows: [{ top, height, first, last }], left, width (typed arrays), height }.
export function arrange(ratios, room, wish) {
  const count = ratios.length;
  const left = new Float32Array(count), width = new Float32Array(count), rowOf = new Uint32Array(count);
  const rows = [];
  let top = GAP, first = 0;
  while (first < count) {
    let sum = 0, last = first;
    while (last < count) {
      const next = sum + clamp(ratios[last]);
      const gaps = (last - first) * GAP;
      if (last > first && next * wish + gaps > room - 2 * GAP && sum * wish > 0) {
        // Take one more when that comes nearer to the wished height.
        const without = heightFor(sum, last - first, room), withIt = heightFor(next, last - first + 1, room);
        if (Math.abs(withIt - wish) < Math.abs(without - wish)) { sum = next; last += 1; }
        break;
      }
      sum = next;
      last += 1;
    }
    const full = last < count || sum * wish + (last - first - 1) * GAP > (room - 2 * GAP) * 0.9;
    const picture = full ? Math.min(heightFor(sum, last - first, room), wish * 1.8) : wish;
    let x = GAP;
    for (let index = first; index < last; index += 1) {
      left[index] = x;
      width[index] = clamp(ratios[index]) * picture;
      rowOf[index] = rows.length;
      x += width[index] + GAP;
    }
    rows.push({ top, height: picture + CAPTION, first, last });
    top += picture + CAPTION + GAP;
    first = last;
  }
  return { rows, left, width, rowOf, height: top };
}

const clamp = (ratio) => Math.min(Math.max(ratio, NARROWEST), WIDEST);
const heightFor = (sum, count, room) => (room - GAP * (count + 1)) / sum;

// The first row that reaches below `top`.
export function rowAt(rows, top) {
  let low = 0, high = rows.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height < top) low = middle + 1;
    else high = middle;
  }
  return Math.max(low, 0);
}
