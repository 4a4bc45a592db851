// All keys, and on the review page the terms of the search language.

import { byId, el, icon } from "./dom.js";

const KEYS = [
  ["Answer", [["k", "keep"], ["d", "delete"], ["u", "unsure"], ["c", "clear the answer"], ["z", "undo"]]],
  ["Move", [["← → ↑ ↓", "from picture to picture"], ["Home End", "first, last"], ["n", "next without an answer"], ["Enter", "big view, and back"], ["l", "in the big view: a larger picture, from the site"], ["Esc", "close; clear the selection"]]],
  ["Select several", [["x", "this one"], ["Shift + x", "from the last selected to here"], ["Shift + arrows", "a range"], ["Shift + click", "a range, with the mouse"], ["Ctrl + a", "the whole list"]]],
  ["Page", [["/", "filter"], ["s", "pictures like this one; or drop any picture"], ["1 … 6", "the lists"], ["g", "figures and training"], ["r", "reload the list"], ["t", "theme: light, dark, as the system"], ["?", "this help"]]],
];
const TERMS = [
  ["hat -solo", "with one tag, without another"], ["~a ~b · fisch*", "either tag; any ending"], ["p:0.2..0.8", "the model's score"], ["decision:keep", "or delete, undecided"],
  ["label:any", "pictures you answered; or none, keep, …"], ["rating:g", "g, s, q, e"], ["chartags:0", "no character tag"], ["model:mona/2", "decided by this model"], ["place:gallery", "where the original is"],
  ["order:uncertain", "questions first; or p, id, score …"], ["error:tag-error", "the tag looks wrong"], ["error:missing-tag", "the tag seems to be missing"],
];

export class Help {
  constructor(title = "Keys and search terms", keys = KEYS, terms = TERMS) {
    this.dialog = byId("help-panel");
    const list = (pairs, wrap) => el("dl", {}, ...pairs.flatMap(([left, right]) => [el("dt", {}, wrap(left)), el("dd", { text: right })]));
    this.dialog.append(
      el("div", { class: "top" }, el("h2", { id: "help-title", text: title }),
        el("button", { class: "plain", type: "button", "aria-label": "Close", onclick: () => this.dialog.close() }, icon("close"))),
      el("div", { class: "columns" },
        ...keys.map(([title, pairs]) => el("section", {}, el("h3", { text: title }), list(pairs, (keys) => el("kbd", { text: keys })))),
        terms && el("section", { class: "wide" }, el("h3", { text: "Filter: the site's search language, and our own terms" }), list(terms, (term) => el("code", { text: term })))));
    this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
  }

  toggle() { if (this.dialog.open) this.dialog.close(); else this.dialog.showModal(); }
}
