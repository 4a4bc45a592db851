// Completing the word under the cursor in the filter: terms of the search language, and the gallery's own tags.

import { get } from "./api.js";
import { byId, counted, el } from "./dom.js";

const WAIT_MS = 90;

export class Completion {
  constructor() {
    this.input = byId("expression");
    this.list = byId("suggestions");
    this.chosen = -1;
    this.input.addEventListener("input", () => { clearTimeout(this.timer); this.timer = setTimeout(() => this.ask(), WAIT_MS); });
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("blur", () => this.hide());
    this.list.addEventListener("mousedown", (event) => { // before the input loses the focus
      const item = event.target.closest("li");
      if (item) { this.take(item.dataset.word); event.preventDefault(); }
    });
  }

  // The word under the cursor, without the signs before it.
  get word() {
    const { value, selectionStart } = this.input;
    const before = value.slice(0, selectionStart);
    const [, signs, word] = /(?:^|\s)([-~(]*)(\S*)$/.exec(before) ?? [null, "", ""];
    return { word, from: before.length - word.length, to: selectionStart, signs };
  }

  async ask() {
    const { word } = this.word;
    if (word.length < 2 || word.includes(":")) { this.hide(); return; }
    try {
      const { words } = await get(`/api/words?q=${encodeURIComponent(word)}`);
      if (document.activeElement === this.input && this.word.word === word) this.show(words.filter(([one]) => one !== word));
    } catch { this.hide(); }
  }

  show(words) {
    this.chosen = -1;
    this.list.hidden = words.length === 0;
    this.input.setAttribute("aria-expanded", String(words.length > 0));
    this.list.replaceChildren(...words.map(([word, kind, posts], at) =>
      el("li", { role: "option", id: `suggestion-${at}`, class: kind, "data-word": word, "aria-selected": "false" },
        el("span", { text: word }), el("small", { text: kind === "word" ? "search term" : counted(posts, "post") }))));
  }

  hide() {
    clearTimeout(this.timer);
    this.list.hidden = true;
    this.chosen = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  choose(by) {
    const items = [...this.list.children];
    this.chosen = (this.chosen + by + items.length + (this.chosen < 0 && by < 0 ? 1 : 0)) % items.length;
    items.forEach((item, at) => item.setAttribute("aria-selected", String(at === this.chosen)));
    this.input.setAttribute("aria-activedescendant", `suggestion-${this.chosen}`);
  }

  take(word) {
    const { from, to } = this.word;
    const end = word.endsWith(":") ? "" : " ";
    const { value } = this.input;
    this.input.value = value.slice(0, from) + word + end + value.slice(to).trimStart();
    const at = from + word.length + end.length;
    this.input.setSelectionRange(at, at);
    this.hide();
  }

  onKey(event) {
    if (this.list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") this.choose(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Tab" && !event.shiftKey) this.take(this.list.children[Math.max(this.chosen, 0)].dataset.word);
    else if (event.key === "Enter" && this.chosen >= 0) this.take(this.list.children[this.chosen].dataset.word);
    else if (event.key === "Escape") this.hide();
    else { if (event.key === "Enter") this.hide(); return; }
    event.preventDefault();
    event.stopPropagation();
  }
}
