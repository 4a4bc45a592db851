// The cards that are loaded: fetched in batches when tiles need them; every change is an event.

import { forTarget, get } from "./api.js";

const AT_ONCE = 120; // cards in one request

export class Cards extends EventTarget {
  constructor() {
    super();
    this.target = "";
    this.known = new Map(); // id -> card
    this.states = new Map(); // id -> { state: saving | conflict, value }
    this.wanted = new Set();
    this.asking = null;
    this.timer = 0;
  }

  begin(target) {
    this.target = target;
    this.known.clear();
    this.states.clear();
    this.wanted.clear();
    this.asking?.abort();
    this.asking = null;
  }

  get(id) { return this.known.get(id); }

  // What the screen shows: the newest label, saved or being saved.
  label(id) {
    const state = this.states.get(id);
    if (state?.state === "saving") return state.value === "clear" ? null : state.value;
    return this.known.get(id)?.label ?? null;
  }

  put(cards) {
    for (const card of cards) this.known.set(card.id, card);
    this.changed(cards.map((card) => card.id));
  }

  mark(ids, state) {
    for (const id of ids) {
      if (state) this.states.set(id, state);
      else this.states.delete(id);
    }
    this.changed(ids);
  }

  changed(ids) { this.dispatchEvent(new CustomEvent("change", { detail: ids })); }

  // Only the cards wanted last are fetched: a fast scroll passes thousands that are never shown.
  want(ids) {
    this.wanted = new Set(ids.filter((id) => !this.known.has(id)));
    if (this.wanted.size && !this.asking && !this.timer) this.timer = setTimeout(() => this.fetch(), 30);
  }

  async fetch() {
    this.timer = 0;
    const ids = [...this.wanted].slice(0, AT_ONCE);
    if (!ids.length) return;
    const asking = this.asking = new AbortController();
    let failed = false;
    try {
      const reply = await get(forTarget(this.target, `/cards?ids=${ids.join(",")}`), asking.signal);
      if (asking.signal.aborted) return;
      const received = new Set(reply.cards.map((card) => card.id));
      for (const id of ids) {
        this.wanted.delete(id);
        if (!received.has(id)) this.known.set(id, { id, gone: true, tags: {}, seen: 0 });
      }
      this.put(reply.cards);
    } catch (error) {
      failed = error.name !== "AbortError";
    } finally {
      if (this.asking === asking) this.asking = null;
    }
    if (this.wanted.size && !this.asking && !this.timer) this.timer = setTimeout(() => this.fetch(), failed ? 2000 : 0);
  }

  async load(id) {
    if (!this.known.has(id)) this.put((await get(forTarget(this.target, `/cards?ids=${id}`))).cards);
    return this.known.get(id);
  }
}
