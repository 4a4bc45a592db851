// All keys, and the words of the search language.

import { byId, el, icon } from "./dom.js";

const KEYS = [
  ["Answer", [["k", "keep"], ["d", "delete"], ["u", "unsure"], ["c", "take my answer back"], ["z", "undo"]]],
  ["Move", [["← → ↑ ↓", "from picture to picture"], ["Home End", "first, last"], ["n", "next without an answer"], ["Enter", "big view, and back"], ["Esc", "close, choose none"]]],
  ["Choose several", [["x", "this one"], ["Shift + x", "from the last chosen to here"], ["Shift + arrows", "a range"], ["Shift + click", "a range with the mouse"], ["Ctrl + a", "all in the list"]]],
  ["Page", [["/", "filter"], ["1 … 6", "the lists"], ["g", "figures and rounds"], ["r", "load the list again"], ["t", "light, dark, as the system"], ["?", "this help"]]],
];
const WORDS = [
  ["hat -solo", "with one tag, without another"], ["~a ~b · fisch*", "one of both; any ending"], ["p:0.2..0.8", "our score"], ["decision:keep", "also delete, undecided"],
  ["label:any", "what you answered; none, keep, …"], ["rating:g", "g, s, q, e"], ["chartags:0", "no character tag"], ["model:mona/2", "decided by this model"], ["place:gallery", "where the original is"],
  ["order:uncertain", "the next questions first; p, id, score …"], ["error:tag-error", "wrongly tagged, as it seems"], ["error:missing-tag", "the tag is missing, as it seems"],
];

export class Help {
  constructor() {
    this.dialog = byId("help-panel");
    const list = (pairs, wrap) => el("dl", {}, ...pairs.flatMap(([left, right]) => [el("dt", {}, wrap(left)), el("dd", { text: right })]));
    this.dialog.append(
      el("header", {}, el("h2", { id: "help-title", text: "Keys and words" }),
        el("button", { class: "plain", type: "button", "aria-label": "Close", onclick: () => this.dialog.close() }, icon("close"))),
      el("div", { class: "columns" },
        ...KEYS.map(([title, pairs]) => el("section", {}, el("h3", { text: title }), list(pairs, (keys) => el("kbd", { text: keys })))),
        el("section", { class: "wide" }, el("h3", { text: "Filter: the site's search language, and our own words" }), list(WORDS, (word) => el("code", { text: word })))));
    this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
  }

  toggle() { if (this.dialog.open) this.dialog.close(); else this.dialog.showModal(); }
}
