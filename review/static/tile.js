// One picture in the grid: what it is, what the machine decided, which label it has.

import { DONE, el, icon, readable, score, shortName } from "./dom.js";
import { CAPTION_EDGE, CAPTION_LINES } from "./layout.js";

const ASKED = { threshold: "close call", "missing-tag": "missing tag?", "tag-error": "wrong tag?", disagreement: "disputed", diverse: "something new", random: "random sample" };
const REASON_EDGE = 18; // pixels of the gap before a reason, and of its ground beside the words

export class Tile {
  constructor() {
    this.image = el("img", { alt: "", decoding: "async", draggable: "false" });
    this.image.addEventListener("load", () => this.image.classList.add("there"));
    this.image.addEventListener("error", () => this.nothing("the picture cannot be shown"));
    this.empty = el("span", { class: "nothing", hidden: true });
    this.badge = el("span", { class: "badge" });
    this.tick = el("span", { class: "tick", "aria-hidden": "true" }, icon("keep")); // for mouse and finger; x is the key
    this.film = el("span", { class: "film", hidden: true });
    this.posts = el("span", { class: "film posts", hidden: true });
    this.fill = el("i");
    this.mark = el("b");
    this.score = el("span", { class: "score" });
    this.why = el("span", { class: "why" });
    this.names = el("div", { class: "names" });
    this.root = el("div", { class: "tile", role: "option" },
      el("div", { class: "shot" }, this.image, this.empty, this.badge, this.film, this.posts, this.tick),
      el("div", { class: "caption" },
        el("div", { class: "meter", "aria-hidden": "true" }, this.fill, this.mark),
        el("div", { class: "line" }, this.score, this.why),
        this.names));
    this.address = "";
  }

  place(index, left, top, width, height) {
    this.index = index;
    this.width = width;
    Object.assign(this.root.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  }

  paint({ id, index, total, card, label, state, reason, current, chosen, loads }) {
    this.id = id;
    const saving = state?.state === "saving", conflict = state?.state === "conflict";
    const classes = ["tile"];
    if (card?.machine) classes.push(`machine-${card.machine}`);
    if (label) classes.push(`label-${label}`);
    if (saving) classes.push("saving");
    if (conflict) classes.push("conflict");
    if (current) classes.push("current");
    if (chosen) classes.push("chosen");
    this.root.className = classes.join(" ");
    this.root.id = `picture-${id}`;
    this.root.dataset.id = id;
    this.root.setAttribute("aria-selected", String(chosen));
    this.root.setAttribute("aria-posinset", String(index + 1));
    this.root.setAttribute("aria-setsize", String(total));
    this.root.setAttribute("aria-label", spoken(card, label, reason, saving, conflict));
    this.show(card, loads);
    this.say(label, saving, conflict);
    this.describe(card, reason);
  }

  show(card, loads) {
    if (!card) return;
    if (!card.picture) { this.nothing(card.gone ? "no longer in the gallery" : "no picture stored yet"); return; }
    if (this.address === card.picture || !loads) return;
    this.address = card.picture;
    this.image.classList.remove("there");
    this.empty.hidden = true;
    this.image.src = card.picture;
  }

  nothing(words) {
    this.image.classList.remove("there");
    this.empty.textContent = words;
    this.empty.hidden = false;
  }

  say(label, saving, conflict) {
    const key = conflict ? `conflict ${label}` : `${label} ${saving}`;
    if (this.shown === key) return;
    this.shown = key;
    if (conflict) this.badge.replaceChildren(icon("conflict"), `elsewhere: ${label ? DONE[label] : "cleared"}`);
    else if (label) this.badge.replaceChildren(icon(label), DONE[label] + (saving ? "…" : ""));
    else this.badge.replaceChildren();
  }

  describe(card, reason) {
    if (this.described === card && this.reason === reason) return;
    this.described = card;
    this.reason = reason;
    this.score.textContent = card ? score(card.score) : "";
    this.fill.style.width = `${100 * (card?.score ?? 0)}%`;
    this.mark.hidden = card?.threshold === null || card?.threshold === undefined;
    this.mark.style.left = `${100 * (card?.threshold ?? 0)}%`;
    this.why.textContent = reason ? ASKED[reason.reason] ?? reason.words : card ? inShort(card) : "";
    this.why.classList.toggle("asked", Boolean(reason));
    this.why.title = reason?.words ?? card?.reason ?? "";
    const named = card?.tags?.character ?? [];
    const names = named.map((tag) => shortName(tag, card.tags.copyright ?? []));
    this.names.replaceChildren(...(names.length ? [el("b", { text: fitting(names, (words) => this.fits(words)) })] : card && !card.gone ? ["no character tag"] : []));
    this.names.title = named.join(" ");
    this.posts.hidden = !card?.others?.length;
    this.posts.textContent = `${1 + (card?.others?.length ?? 0)} posts`;
    this.posts.title = (card?.others ?? []).map((one) => `${one.site} ${one.post}`).join(", ");
    this.film.hidden = !["zip", "mp4", "webm", "gif"].includes(card?.ext);
    this.film.textContent = card?.ext === "zip" ? "ugoira" : card?.ext ?? "";
  }

  // Whether these names fit into the lines below score and reason.
  fits(names) {
    const room = this.width - CAPTION_EDGE;
    const used = widthOf(this.score.textContent, this.score) + REASON_EDGE + widthOf(this.why.textContent, this.why);
    return linesOf(names, this.names, room) <= CAPTION_LINES - (used > room ? 2 : 1);
  }

  reuse() {
    this.address = "";
    this.described = undefined;
    this.shown = undefined;
    this.image.removeAttribute("src");
    this.image.classList.remove("there");
    this.empty.hidden = true;
  }
}

// As many names as there is room for, and how many there are besides; a name is never cut where it could be left out.
function fitting(names, fits) {
  for (let shown = names.length; shown > 0; shown -= 1) {
    const words = names.slice(0, shown).join(", ") + (shown < names.length ? ` +${names.length - shown}` : "");
    if (fits(words)) return words;
  }
  const more = names.length > 1 ? ` +${names.length - 1}` : "";
  let length = names[0].length - 1;
  while (length > 3 && !fits(`${names[0].slice(0, length).trimEnd()}…${more}`)) length -= 1;
  return `${names[0].slice(0, length).trimEnd()}…${more}`;
}

const pen = document.createElement("canvas").getContext("2d");
const fonts = new Map(); // class -> font

// Pixels that a text takes in an element's font, measured without a layout.
function widthOf(text, element) {
  const kind = element.className.split(" ")[0];
  if (!fonts.has(kind)) {
    const { fontWeight, fontSize, fontFamily } = getComputedStyle(element);
    fonts.set(kind, `${kind === "score" ? fontWeight : "600"} ${fontSize} ${fontFamily}`); // reasons and names may be bold
  }
  pen.font = fonts.get(kind);
  return pen.measureText(text).width;
}

// Lines that a text takes in a room of so many pixels, broken between words, and within those that are longer.
function linesOf(text, element, room) {
  let lines = 1, used = 0;
  for (const word of text.split(" ")) {
    const width = widthOf(`${word} `, element);
    if (used > 0 && used + width > room) { lines += 1; used = 0; }
    if (width > room) { lines += Math.ceil(width / (room - 8)) - 1; used = room; } else used += width;
  }
  return lines;
}

function inShort(card) {
  if (card.gone) return "";
  if (card.by === "tag") return "kept for its tag";
  if (card.machine === "keep") return `kept (≥ ${score(card.threshold)})`;
  if (card.machine === "delete") return `rejected (< ${score(card.threshold)})`;
  return "undecided";
}

function spoken(card, label, reason, saving, conflict) {
  if (!card) return "loading";
  const parts = [`Post ${card.post}`];
  if (card.others?.length) parts.push(`the same picture in ${card.others.length} other ${card.others.length === 1 ? "post" : "posts"}`);
  if (label) parts.push(conflict ? `labelled ${label} elsewhere; look again` : `labelled ${label}${saving ? ", saving" : ""}`);
  parts.push(card.score === null || card.score === undefined ? "not scored" : `score ${score(card.score)}`, reason?.words ?? (card.machine ? inShort(card) : card.reason ?? inShort(card)));
  if (card.tags?.character?.length) parts.push(card.tags.character.map(readable).join(", "));
  return parts.join("; ");
}
