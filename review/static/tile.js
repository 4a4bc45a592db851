// One picture in the grid: what it is, what the machine thinks, what a person said.

import { DONE, el, icon, readable, score, shortName } from "./dom.js";

const ASKED = { threshold: "close call", "missing-tag": "missing tag?", "tag-error": "wrong tag?", disagreement: "disputed", diverse: "something new", random: "drawn by lot" };

export class Tile {
  constructor() {
    this.image = el("img", { alt: "", decoding: "async", draggable: "false" });
    this.image.addEventListener("load", () => this.image.classList.add("there"));
    this.image.addEventListener("error", () => this.nothing("the picture is gone"));
    this.empty = el("span", { class: "nothing", hidden: true });
    this.badge = el("span", { class: "badge" });
    this.tick = el("button", { class: "tick", type: "button", tabindex: "-1", "aria-hidden": "true" }, icon("keep"));
    this.film = el("span", { class: "film", hidden: true });
    this.fill = el("i");
    this.mark = el("b");
    this.score = el("span", { class: "score" });
    this.why = el("span", { class: "why" });
    this.names = el("div", { class: "names" });
    this.root = el("div", { class: "tile", role: "option" },
      el("div", { class: "shot" }, this.image, this.empty, this.badge, this.film, this.tick),
      el("div", { class: "caption" },
        el("div", { class: "meter", "aria-hidden": "true" }, this.fill, this.mark),
        el("div", { class: "line" }, this.score, this.why),
        this.names));
    this.address = "";
  }

  place(index, left, top, width, height) {
    this.index = index;
    Object.assign(this.root.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  }

  paint({ id, index, total, card, label, state, reason, current, chosen, loads }) {
    this.id = id;
    const saving = state?.state === "saving", conflict = state?.state === "conflict";
    const classes = ["tile"];
    if (card?.machine) classes.push(`machine-${card.machine}`);
    if (label) classes.push(`said-${label}`);
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
    if (!card.picture) { this.nothing(card.gone ? "no longer here" : "not looked at yet"); return; }
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
    if (this.said === key) return;
    this.said = key;
    if (conflict) this.badge.replaceChildren(icon("conflict"), `elsewhere: ${label ? DONE[label] : "taken back"}`);
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
    const names = named.length ? [el("b", { text: named.map((tag) => shortName(tag, card.tags.copyright ?? [])).join(", ") })] : (card ? ["no character tag"] : []);
    this.names.replaceChildren(...names);
    this.names.title = named.join(" ");
    this.film.hidden = !["zip", "mp4", "webm", "gif"].includes(card?.ext);
    this.film.textContent = card?.ext === "zip" ? "ugoira" : card?.ext ?? "";
  }

  reuse() {
    this.address = "";
    this.described = undefined;
    this.said = undefined;
    this.image.removeAttribute("src");
    this.image.classList.remove("there");
    this.empty.hidden = true;
  }
}

function inShort(card) {
  if (card.gone) return "";
  if (card.by === "tag") return "kept by its tag";
  if (card.machine === "keep") return `kept, over ${score(card.threshold)}`;
  if (card.machine === "delete") return `rejected, under ${score(card.threshold)}`;
  return card.reason ?? "not decided";
}

function spoken(card, label, reason, saving, conflict) {
  if (!card) return "loading";
  const parts = [`Post ${card.post}`];
  if (label) parts.push(conflict ? `labelled ${label} elsewhere, look again` : `labelled ${label}${saving ? ", being saved" : ""}`);
  parts.push(card.score === null || card.score === undefined ? "not scored" : `score ${score(card.score)}`, reason?.words ?? inShort(card));
  if (card.tags?.character?.length) parts.push(card.tags.character.map(readable).join(", "));
  return parts.join("; ");
}
