// Rows of one height that fill the width, every picture whole: computed once for all, so that ten thousand cost nothing.

export const CAPTION_LINES = 3, CAPTION = 68, CAPTION_EDGE = 22; // lines, pixels below each picture, pixels beside its words
const GAP = 10;
const NARROWEST = 0.66, WIDEST = 2.4; // width by height that a tile may have
const LEAST = 132; // pixels: narrower than that a caption is cut

// Gives { rows: [{ top, height, first, last }], left, width (typed arrays), height }.
// A row is as high as fills the width, but its pictures never higher than `most`.
export function arrange(ratios, room, wanted, most = Infinity) {
  const count = ratios.length;
  const left = new Float32Array(count), width = new Float32Array(count), rowOf = new Uint32Array(count);
  const rows = [];
  const narrowest = Math.min(Math.max(NARROWEST, LEAST / wanted), WIDEST);
  const clamp = (ratio) => Math.min(Math.max(ratio, narrowest), WIDEST);
  let top = GAP, first = 0;
  while (first < count) {
    let sum = 0, last = first;
    while (last < count) {
      const next = sum + clamp(ratios[last]);
      const gaps = (last - first) * GAP;
      if (last > first && next * wanted + gaps > room - 2 * GAP && sum * wanted > 0) {
        // Take one more when that comes nearer to the wanted height.
        const without = heightFor(sum, last - first, room), withIt = heightFor(next, last - first + 1, room);
        if (withIt * narrowest >= LEAST && Math.abs(withIt - wanted) < Math.abs(without - wanted)) { sum = next; last += 1; }
        break;
      }
      sum = next;
      last += 1;
    }
    const full = last < count || sum * wanted + (last - first - 1) * GAP > (room - 2 * GAP) * 0.9;
    const picture = full ? Math.min(heightFor(sum, last - first, room), wanted * 1.8, Math.max(most, wanted)) : wanted;
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
