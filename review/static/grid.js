// The grid: only the rows near the window exist. The focus stays on the list itself and points at the current picture,
// so neither scrolling nor recycling ever loses it.

import { byId } from "./dom.js";
import { CAPTION, arrange, rowAt } from "./layout.js";
import { Tile } from "./tile.js";

const BEYOND = 1.2; // windows above and below that are painted too
const LEAST_HEIGHT = 90; // pixels of a picture, however low the window
const RUSH = 3; // windows a tenth of a second: faster than that, no picture is loaded

export class Grid extends EventTarget {
  constructor(cards, list) {
    super();
    this.cards = cards;
    this.list = list; // { ids, ratios, reasons }
    this.room = byId("grid");
    this.holder = byId("rows");
    this.size = 220;
    this.current = -1;
    this.anchor = -1;
    this.chosen = new Set(); // ids
    this.tiles = new Map(); // index -> Tile
    this.spare = [];
    this.layout = arrange([], 100, this.size);
    this.lastTop = 0;
    this.lastTime = 0;
    this.room.addEventListener("scroll", () => this.scheduled(), { passive: true });
    new ResizeObserver(() => this.arrange()).observe(this.room);
    cards.addEventListener("change", (event) => this.repaint(event.detail));
    this.listen();
  }

  show(list, { keep = false } = {}) {
    const id = keep ? this.list.ids[this.current] : undefined;
    this.list = list;
    this.index = new Map(list.ids.map((one, at) => [one, at]));
    this.chosen = new Set(keep ? [...this.chosen].filter((one) => this.index.has(one)) : []);
    this.current = list.ids.length ? this.index.get(id) ?? 0 : -1;
    this.anchor = this.marked = this.current;
    if (!keep) this.room.scrollTop = 0;
    this.drop();
    this.arrange();
    this.changed();
  }

  resize(size) {
    this.size = size;
    this.arrange();
  }

  arrange() {
    const width = this.room.clientWidth;
    if (!width) return;
    const seen = this.current >= 0 ? this.offsetOf(this.current) : null;
    this.layout = arrange(this.list.ratios, width, this.wanted, this.highest);
    this.holder.style.height = `${this.layout.height}px`;
    if (seen !== null && this.tiles.size) this.room.scrollTop += this.offsetOf(this.current) - seen;
    this.drop();
    this.paint();
  }

  // The height of the pictures: what was chosen, but one row must fit into the window.
  get wanted() { return Math.max(Math.min(this.size, this.highest), LEAST_HEIGHT); }

  get highest() { return this.room.clientHeight - CAPTION - 24; }

  offsetOf(index) { return this.layout.rows[this.layout.rowOf[index]]?.top ?? 0; }

  drop() {
    for (const index of [...this.tiles.keys()]) this.recycle(index);
  }

  recycle(index) {
    const tile = this.tiles.get(index);
    this.tiles.delete(index);
    tile.root.remove();
    tile.reuse();
    if (this.spare.length < 80) this.spare.push(tile);
  }

  scheduled() {
    this.pending ??= requestAnimationFrame(() => { this.pending = null; this.paint(); });
  }

  paint() {
    const { rows, height } = this.layout;
    if (!rows.length || !height) { this.drop(); return; }
    const top = this.room.scrollTop, tall = this.room.clientHeight || 1;
    const rushing = this.isRushing(top, tall);
    const first = rows[rowAt(rows, top - tall * BEYOND)].first;
    const last = rows[rowAt(rows, top + tall * (1 + BEYOND))].last;
    for (const index of [...this.tiles.keys()]) if (index < first || index >= last) this.recycle(index);
    for (let index = first; index < last; index += 1) this.paintOne(index, !rushing);
    this.askFor(first, last, rowAt(rows, top), rowAt(rows, top + tall));
    if (rushing) {
      clearTimeout(this.settling);
      this.settling = setTimeout(() => { this.lastTop = this.room.scrollTop; this.paint(); }, 120);
    }
  }

  isRushing(top, tall) {
    const now = performance.now();
    const speed = Math.abs(top - this.lastTop) / tall / Math.max((now - this.lastTime) / 100, 0.1);
    this.lastTop = top;
    this.lastTime = now;
    return speed > RUSH;
  }

  // Cards in the window come before those around it.
  askFor(first, last, rowTop, rowBottom) {
    const { rows } = this.layout, { ids } = this.list;
    const from = rows[rowTop].first, to = rows[rowBottom].last;
    this.cards.want([...ids.slice(from, to), ...ids.slice(to, last), ...ids.slice(first, from)]);
  }

  paintOne(index, loads = true) {
    let tile = this.tiles.get(index);
    if (!tile) {
      tile = this.spare.pop() ?? new Tile();
      const row = this.layout.rows[this.layout.rowOf[index]];
      tile.place(index, this.layout.left[index], row.top, this.layout.width[index], row.height);
      this.tiles.set(index, tile);
      this.holder.append(tile.root);
    }
    const id = this.list.ids[index];
    tile.paint({
      id, index, total: this.list.ids.length, card: this.cards.get(id), label: this.cards.label(id), loads,
      state: this.cards.states.get(id), reason: this.list.reasons?.[id], current: index === this.current, chosen: this.chosen.has(id),
    });
  }

  repaint(ids) {
    const some = new Set(ids);
    for (const [index] of this.tiles) if (some.has(this.list.ids[index])) this.paintOne(index);
  }

  // --- moving and choosing -------------------------------------------------------------------------------------------

  get currentId() { return this.list.ids[this.current]; }

  // The pictures that an answer is meant for: those that are chosen, else the current one.
  get meant() {
    if (this.chosen.size) return this.list.ids.filter((id) => this.chosen.has(id));
    return this.current >= 0 ? [this.currentId] : [];
  }

  go(index, { extend = false } = {}) {
    if (!this.list.ids.length) return;
    const before = this.current;
    this.current = Math.min(Math.max(index, 0), this.list.ids.length - 1);
    if (extend) this.choose(this.anchor, this.current);
    else this.anchor = this.current;
    this.reveal();
    for (const one of [before, this.current]) if (this.tiles.has(one)) this.paintOne(one);
    this.changed();
  }

  goTo(id) { if (this.index.has(id)) this.go(this.index.get(id)); }

  step(key, options) {
    const tall = this.room.clientHeight;
    const moves = {
      ArrowLeft: () => this.current - 1,
      ArrowRight: () => this.current + 1,
      ArrowUp: () => this.beside(-1),
      ArrowDown: () => this.beside(1),
      Home: () => 0,
      End: () => this.list.ids.length - 1,
      PageUp: () => this.beside(-Math.max(1, Math.floor(tall / (this.wanted + CAPTION + 10)))),
      PageDown: () => this.beside(Math.max(1, Math.floor(tall / (this.wanted + CAPTION + 10)))),
    };
    this.go(moves[key](), options);
  }

  // The picture some rows on whose middle is nearest.
  beside(by) {
    const { rows, rowOf, left, width } = this.layout;
    if (this.current < 0) return 0;
    const row = rows[Math.min(Math.max(rowOf[this.current] + by, 0), rows.length - 1)];
    const middle = left[this.current] + width[this.current] / 2;
    let best = row.first;
    for (let index = row.first; index < row.last; index += 1) {
      if (Math.abs(left[index] + width[index] / 2 - middle) < Math.abs(left[best] + width[best] / 2 - middle)) best = index;
    }
    if (rowOf[best] === rowOf[this.current]) return by > 0 ? this.list.ids.length - 1 : 0;
    return best;
  }

  reveal() {
    const row = this.layout.rows[this.layout.rowOf[this.current]];
    if (!row) return;
    const top = this.room.scrollTop, tall = this.room.clientHeight;
    if (row.top - 10 < top) this.room.scrollTop = row.top - 10;
    else if (row.top + row.height + 10 > top + tall) this.room.scrollTop = row.top + row.height + 10 - tall;
    this.paint();
  }

  toggle(index = this.current) {
    const id = this.list.ids[index];
    if (id === undefined) return;
    if (!this.chosen.delete(id)) this.chosen.add(id);
    this.anchor = this.marked = index;
    this.paintOne(index);
    this.changed();
  }

  // Everything from the one that was chosen last to here.
  chooseTo() {
    this.choose(this.chosen.size ? this.marked ?? this.current : this.current, this.current);
    this.changed();
  }

  choose(from, to) {
    this.chosen = new Set(this.list.ids.slice(Math.min(from, to), Math.max(from, to) + 1));
    this.paint();
  }

  chooseAll() { this.choose(0, this.list.ids.length - 1); this.changed(); }

  chooseNone() {
    if (!this.chosen.size) return false;
    this.chosen.clear();
    this.paint();
    this.changed();
    return true;
  }

  changed() {
    const id = this.currentId;
    if (id === undefined) this.room.removeAttribute("aria-activedescendant");
    else this.room.setAttribute("aria-activedescendant", `picture-${id}`);
    this.dispatchEvent(new Event("move"));
  }

  listen() {
    const indexOf = (event) => {
      const tile = event.target.closest?.(".tile");
      return tile ? this.index.get(Number(tile.dataset.id)) : undefined;
    };
    this.room.addEventListener("click", (event) => {
      const index = indexOf(event);
      if (index === undefined) return;
      if (event.shiftKey) this.go(index, { extend: true });
      else if (event.target.closest(".tick") || event.ctrlKey || event.metaKey) { this.go(index); this.toggle(index); }
      else if (event.pointerType === "touch" && index === this.current && !this.chosen.size) this.dispatchEvent(new Event("open"));
      else { this.chooseNone(); this.go(index); }
    });
    this.room.addEventListener("dblclick", (event) => {
      if (indexOf(event) !== undefined && !event.target.closest(".tick")) this.dispatchEvent(new Event("open"));
    });
  }
}
