// Pictures like one picture: a post's by a key, and any picture that is dropped, pasted or chosen.

import { forTarget, get, sendPicture } from "./api.js";
import { byId, readable } from "./dom.js";

const MOST = 200; // pictures in the grid

export class Similar extends EventTarget {
  constructor(cards) {
    super();
    this.cards = cards;
    this.turn = 0; // of the question asked last: an older answer is not shown
    this.input = byId("picture-file");
    byId("find-similar").addEventListener("click", () => this.input.click());
    this.input.addEventListener("change", () => { this.ofFile(this.input.files[0]); this.input.value = ""; });
    this.drops();
    document.addEventListener("paste", (event) => { if (pictureIn(event.clipboardData)) { event.preventDefault(); this.ofFile(pictureIn(event.clipboardData)); } });
  }

  // A picture may be dropped anywhere; the page never leaves for a file that is dropped on it.
  drops() {
    let inside = 0;
    const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    const mark = () => byId("drop-hint").hidden = inside === 0;
    addEventListener("dragenter", (event) => { if (carries(event)) { inside += 1; mark(); } });
    addEventListener("dragleave", (event) => { if (carries(event)) { inside = Math.max(0, inside - 1); mark(); } });
    addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
    addEventListener("drop", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      inside = 0;
      mark();
      const file = pictureIn(event.dataTransfer);
      if (file) this.ofFile(file);
      else this.say("trouble", "what was dropped is no file");
    });
  }

  ofPost(id) {
    const card = this.cards.get(id);
    return this.ask(`post ${card?.post ?? ""}`, () => get(forTarget(this.cards.target, `/alike/${id}?most=${MOST}`)));
  }

  ofFile(file) {
    if (!file) return undefined;
    return this.ask(file.name || "the picture", () => sendPicture(forTarget(this.cards.target, `/like?most=${MOST}`), file));
  }

  async ask(name, question) {
    const turn = this.turn += 1, target = this.cards.target;
    this.say("asked", name);
    try {
      const list = await question();
      if (turn === this.turn && target === this.cards.target) this.say("found", { name, list, words: shows(list.words) });
    } catch (error) {
      if (turn === this.turn) this.say("trouble", `${name}: ${error.message}`);
    }
  }

  // Another list was asked for: what is still on its way comes too late.
  forget() { this.turn += 1; }

  say(what, detail) { this.dispatchEvent(new CustomEvent(what, { detail })); }
}

// Whom the nearest tagged pictures say that a picture shows.
export function shows(words) { return words ? `Shows ${readable(words)}.` : "No tag of a single character says whom it shows."; }

function pictureIn(data) { return [...(data?.items ?? [])].find((one) => one.kind === "file")?.getAsFile() ?? null; }
