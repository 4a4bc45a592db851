// Answers on their way. One request at a time, each answer with its own key and with the label that was on the screen:
// what is sent twice is recorded once, and nothing is overwritten that was not seen. Shown as saved means durable.

import { forTarget, post, Refused } from "./api.js";

const AT_ONCE = 200;
const AGAIN_MS = [500, 1000, 2000, 4000, 8000];

export class Outbox extends EventTarget {
  constructor(cards) {
    super();
    this.cards = cards;
    this.waiting = []; // { target, id, value, key, why }
    this.sending = false;
    this.failures = 0;
    this.trouble = "";
    this.past = []; // groups of { id, before, after }: what undo goes back through
    addEventListener("beforeunload", (event) => { if (this.open) event.preventDefault(); });
  }

  get open() { return this.waiting.length; }

  // Label these pictures `value`; `why` gives the reason why each was asked about.
  say(ids, value, why = () => "manual") {
    const changes = ids
      .filter((id) => !this.cards.get(id)?.gone)
      .map((id) => ({ id, before: this.cards.label(id) ?? "clear", after: value, why: why(id) }))
      .filter((change) => change.before !== change.after);
    if (!changes.length) return 0;
    this.past.push({ target: this.cards.target, changes });
    if (this.past.length > 500) this.past.shift();
    this.enqueue(changes.map((change) => [change.id, change.after, change.why]));
    return changes.length;
  }

  // Back to the labels before the last group; gives the ids, or null when there is nothing to undo.
  undo() {
    const group = this.past.pop();
    if (!group || group.target !== this.cards.target) return null;
    const changes = group.changes.filter((change) => (this.cards.label(change.id) ?? "clear") === change.after);
    this.enqueue(changes.map((change) => [change.id, change.before, change.before === "clear" ? "manual" : change.why]));
    return group.changes.map((change) => change.id);
  }

  get undoable() { return this.past.length > 0 && this.past.at(-1).target === this.cards.target; }

  enqueue(answers) {
    for (const [id, value, why] of answers) {
      // Two answers for one picture cannot share a request; a newer one that was not sent yet takes the older one's place.
      const older = this.waiting.find((one) => one.id === id && !one.sent && one.target === this.cards.target);
      if (older && value === (this.cards.get(id)?.label ?? "clear")) { // back to what is saved: nothing has to be sent
        this.waiting.splice(this.waiting.indexOf(older), 1);
        this.cards.mark([id], this.waiting.some((one) => one.id === id) ? { state: "saving", value } : null);
        continue;
      }
      if (older) Object.assign(older, { value, why });
      else this.waiting.push({ target: this.cards.target, id, value, why, key: crypto.randomUUID(), sent: false });
      this.cards.mark([id], { state: "saving", value });
    }
    this.changed();
    this.send();
  }

  async send() {
    if (this.sending || !this.waiting.length) return;
    this.sending = true;
    const batch = this.nextBatch();
    try {
      const ready = [];
      for (const one of batch) {
        one.seen ??= (await this.cards.load(one.id))?.seen ?? 0;
        one.sent = true; // from here on the same answer is sent under the same key
        ready.push({ id: one.id, value: one.value, key: one.key, seen: one.seen, why: one.why });
      }
      const { reply } = await post(forTarget(batch[0].target, "/answers"), { answers: ready });
      this.settle(batch, reply);
      this.failures = 0;
      this.trouble = "";
    } catch (error) {
      this.fail(batch, error);
    }
    this.sending = false;
    this.changed();
    if (!this.waiting.length) return;
    if (this.failures) setTimeout(() => this.send(), AGAIN_MS[Math.min(this.failures, AGAIN_MS.length) - 1]);
    else this.send();
  }

  nextBatch() {
    const target = this.waiting[0].target;
    const ids = new Set();
    const batch = [];
    for (const one of this.waiting) {
      if (one.target !== target || ids.has(one.id)) continue;
      ids.add(one.id);
      batch.push(one);
      if (batch.length === AT_ONCE) break;
    }
    return batch;
  }

  settle(batch, reply) {
    const sent = new Set(batch);
    this.waiting = this.waiting.filter((one) => !sent.has(one));
    if (batch[0].target !== this.cards.target) return;
    const open = new Set(this.waiting.map((one) => one.id));
    const saved = reply.saved ?? [], conflicts = reply.conflicts ?? [], unknown = reply.unknown ?? [];
    this.cards.put([...saved, ...conflicts]);
    this.cards.mark([...saved.map((card) => card.id), ...unknown].filter((id) => !open.has(id)), null);
    this.cards.mark(conflicts.map((card) => card.id), { state: "conflict" });
    // An answer given over a label that had not been shown is not sent: the person looks again first.
    const refused = new Set(conflicts.map((card) => card.id));
    this.waiting = this.waiting.filter((one) => !refused.has(one.id));
    for (const one of this.waiting) if (!one.sent) delete one.seen;
    this.dispatchEvent(new CustomEvent("settled", { detail: { saved, conflicts, unknown } }));
  }

  fail(batch, error) {
    const hopeless = error instanceof Refused && error.status < 500 && error.status !== 403 && error.status !== 429;
    this.trouble = error.message;
    if (!hopeless) {
      this.failures += 1;
      return;
    }
    const sent = new Set(batch);
    this.waiting = this.waiting.filter((one) => !sent.has(one));
    this.cards.mark(batch.map((one) => one.id), null);
    this.dispatchEvent(new CustomEvent("refused", { detail: error.message }));
  }

  changed() { this.dispatchEvent(new Event("change")); }
}
