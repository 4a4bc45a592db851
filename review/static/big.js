// The big view: one picture with everything that is known of it, and more like it.

import { forTarget, get, post } from "./api.js";
import { DONE, announcer, byId, bytes, el, icon, number, readable, score } from "./dom.js";
import { shows } from "./similar.js";

const CATEGORIES = ["character", "copyright", "artist", "general", "meta"];
const RATINGS = { g: "general", s: "sensitive", q: "questionable", e: "explicit" };

export class Big extends EventTarget {
  constructor(cards, outbox) {
    super();
    this.cards = cards;
    this.outbox = outbox;
    this.dialog = byId("big");
    this.content = el("div", { class: "content" });
    this.dialog.append(this.content, announcer());
    this.id = null;
    this.reason = null;
    cards.addEventListener("change", (event) => {
      if (!this.open) return;
      if (event.detail.includes(this.id)) this.paint();
      else if (this.strip && event.detail.some((id) => this.alike?.includes(id))) this.paintStrip();
    });
    this.swipes();
    this.dialog.addEventListener("close", () => this.dispatchEvent(new Event("closed")));
  }

  get open() { return this.dialog.open; }

  async show(id, reason) {
    this.id = id;
    this.reason = reason;
    this.history = null;
    this.alike = null;
    if (!this.open) this.dialog.showModal();
    this.paint();
    const target = this.cards.target;
    const still = () => this.open && this.id === id && this.cards.target === target;
    try {
      const known = await get(forTarget(target, `/pictures/${id}`));
      if (!still()) return;
      this.history = known;
      this.cards.put([known.card]);
      const found = await get(forTarget(target, `/alike/${id}`));
      if (!still()) return;
      this.alike = found.ids;
      this.said.textContent = shows(found.words);
      this.cards.put((await get(forTarget(target, `/cards?ids=${found.ids.join(",")}`))).cards);
      if (still()) this.paintStrip();
    } catch { /* what is known already stays on the screen; the page says elsewhere that the program is away */ }
  }

  // What was enough to decide may be too small to see: the site is asked for a larger copy, which stays.
  async enlarge(id = this.id) {
    const button = this.content.querySelector('[data-name="larger"]'), target = this.cards.target;
    if (!button || button.disabled) return;
    button.disabled = true;
    button.textContent = "Asking the site …";
    try {
      const { card } = (await post(forTarget(target, `/pictures/${id}/larger`), {})).reply;
      if (this.cards.target !== target) return;
      this.painted = null; // the picture itself is another one
      this.cards.put([card]);
    } catch (error) {
      button.textContent = error.message;
    }
  }

  // A finger drawn to the left shows the next picture.
  swipes() {
    let begun = null;
    this.dialog.addEventListener("touchstart", (event) => {
      const { clientX, clientY } = event.changedTouches[0];
      begun = event.touches.length === 1 && event.target.closest(".stage") ? { clientX, clientY } : null;
    }, { passive: true });
    this.dialog.addEventListener("touchend", (event) => {
      if (!begun) return;
      const dx = event.changedTouches[0].clientX - begun.clientX, dy = event.changedTouches[0].clientY - begun.clientY;
      if (Math.abs(dx) > 60 && Math.abs(dx) > 2 * Math.abs(dy)) this.step(dx < 0 ? 1 : -1);
    }, { passive: true });
  }

  close() { this.dialog.close(); }

  step(by) { this.dispatchEvent(new CustomEvent("step", { detail: by })); }

  paint() {
    const card = this.cards.get(this.id);
    if (!card) return;
    const label = this.cards.label(this.id), saving = this.cards.states.get(this.id)?.state === "saving";
    if (this.painted !== this.id) this.build(card);
    this.painted = this.id;
    this.verdict.className = `verdict ${label ? `label-${label}` : ""}`;
    this.verdict.replaceChildren(...(label ? [icon(label), DONE[label] + (saving ? " …" : "")] : [machineSays(card)]));
    this.story.replaceChildren(...this.storyOf(card));
  }

  build(card) {
    const picture = card.picture
      ? el("img", { class: "whole", src: card.picture, alt: `Post ${card.post}` })
      : el("p", { class: "nothing", text: "No picture can be shown." });
    const larger = card.larger
      ? el("button", { class: "larger", "data-name": "larger", type: "button", title: "Ask the site for a larger copy", onclick: () => this.enlarge(card.id) }, "Larger picture", el("kbd", { text: "l" }))
      : null;
    this.verdict = el("p", { class: "verdict" });
    this.story = el("ul", { class: "story" });
    this.strip = el("div", { class: "strip" });
    this.said = el("p", { class: "quiet" });
    const had = this.content.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    this.content.replaceChildren(
      el("div", { class: "stage" }, picture, this.verdict, larger,
        el("button", { class: "step before", "data-name": "before", type: "button", "aria-label": "Previous picture", onclick: () => this.step(-1) }, icon("before")),
        el("button", { class: "step after", "data-name": "after", type: "button", "aria-label": "Next picture", onclick: () => this.step(1) }, icon("after"))),
      this.side(card),
      el("div", { class: "more" }, el("h3", { text: "More like this" }), this.said, this.strip));
    if (had) this.content.querySelector(`[data-name="${had}"]`)?.focus(); // the same key again does the same
  }

  side(card) {
    const say = (value) => el("button", { class: value, "data-name": value, type: "button", onclick: () => this.dispatchEvent(new CustomEvent("say", { detail: value })) },
      icon(value), DONE[value], el("kbd", { text: value[0] }));
    const undo = el("button", { type: "button", "data-name": "undo", onclick: () => this.dispatchEvent(new Event("undo")) }, "Undo", el("kbd", { text: "z" }));
    return el("div", { class: "side" },
      el("div", { class: "top" },
        el("h2", { id: "big-title", text: `Post ${card.post}` }),
        el("button", { class: "plain", "data-name": "close", type: "button", "aria-label": "Close the big view", onclick: () => this.close() }, icon("close"))),
      el("div", { class: "scroll", "data-name": "scroll", tabindex: "0", role: "region", "aria-label": "About this picture" },
        ...this.scoreOf(card), ...this.tagsOf(card), ...factsOf(card),
        el("h3", { text: "History" }), this.story),
      el("div", { class: "buttons", role: "group", "aria-label": "Answers" }, say("keep"), say("delete"), say("unsure"), undo));
  }

  scoreOf(card) {
    if (card.score === null || card.score === undefined) return [el("p", { class: "quiet", text: card.reason ?? "Not scored." })];
    const gauge = el("div", { class: "gauge", role: "img", "aria-label": `score ${score(card.score)}, threshold ${score(card.threshold)}` },
      el("i"), el("b"), el("span", { text: `threshold ${score(card.threshold)}` }));
    gauge.children[0].style.width = `${100 * card.score}%`;
    for (const part of [gauge.children[1], gauge.children[2]]) part.style.left = `${100 * (card.threshold ?? 0)}%`;
    gauge.children[2].style.left = `${Math.min(Math.max(100 * (card.threshold ?? 0), 14), 86)}%`;
    return [
      el("p", { class: "lead" }, score(card.score), el("small", { text: `  by ${card.model ?? "no model"}` })),
      gauge,
      el("p", { text: this.reason?.words ?? "" }),
      el("p", { class: "quiet", text: this.reason ? "" : machineSays(card) }),
    ];
  }

  tagsOf(card) {
    return CATEGORIES.filter((category) => card.tags?.[category]?.length).flatMap((category) => [
      el("h3", { text: category }),
      el("ul", { class: `tags ${category}`, "aria-label": `${category} tags` }, ...card.tags[category].map((tag) =>
        el("li", {}, el("button", { type: "button", title: "Show the pictures with this tag", text: readable(tag), onclick: () => this.filter(tag) })))),
    ]);
  }

  filter(tag) {
    this.close();
    this.dispatchEvent(new CustomEvent("filter", { detail: tag }));
  }

  storyOf(card) {
    const words = (this.history?.words ?? (card.labelled ? [card.labelled] : [])).map((one) =>
      [one.at, one.value === "clear" ? `${one.who} cleared the answer` : `${one.who} answered ${one.value}`]);
    const verdicts = (this.history?.verdicts ?? []).map((one) =>
      [one.at, `${one.model ?? "The program"} decided ${one.value}: ${one.reason}`]);
    return [...words, ...verdicts].sort(([a], [b]) => (a < b ? 1 : -1)).map(([at, text]) =>
      el("li", {}, el("div", { text }), el("time", { datetime: at, text: new Date(at).toLocaleString() })));
  }

  paintStrip() {
    this.strip.replaceChildren(...this.alike.map((id) => this.cards.get(id)).filter((card) => card?.picture).map((card) => {
      const label = this.cards.label(card.id);
      return el("button", { type: "button", class: label ? `label-${label}` : "", "aria-label": `Post ${card.post}, score ${score(card.score)}${label ? `, labelled ${label}` : ""}`,
        title: `score ${score(card.score)}`, onclick: () => this.show(card.id) },
      el("img", { src: card.picture, alt: "", decoding: "async", loading: "lazy" }),
      label ? el("span", { class: "mark" }, icon(label)) : null);
    }));
  }
}

function machineSays(card) {
  if (card.machine === "keep") return card.by === "tag" ? "kept for its tag" : "kept for its score";
  if (card.machine === "delete") return "rejected for its score";
  return card.reason ?? "undecided";
}

// Another post with the very same file; an answer holds for it, too.
function alsoAt(other) {
  const name = `${other.site} ${other.post}`;
  const said = { keep: "kept", delete: "rejected", undecided: "undecided" }[other.decision];
  const words = said ? `${name} (${said}) ` : `${name} `;
  return other.link ? el("a", { href: other.link, target: "_blank", rel: "noopener noreferrer", text: words }) : el("span", { text: words });
}

function factsOf(card) {
  const source = card.source?.link
    ? el("a", { href: card.source.link, target: "_blank", rel: "noopener noreferrer", text: new URL(card.source.link).hostname })
    : card.source?.text || null;
  const rows = [
    ["Site", card.link ? el("a", { href: card.link, target: "_blank", rel: "noopener noreferrer", text: `${card.site} ${card.post}` }) : card.site],
    [card.others?.length ? "Also" : "", card.others?.length ? el("span", {}, ...card.others.map(alsoAt)) : null],
    ["Original", `${card.width} × ${card.height} ${card.ext}, ${bytes(card.size)}`],
    ["Place", { none: "not downloaded", gallery: "in the gallery", trash: "in the trash", purged: "purged", damaged: "damaged" }[card.place] ?? card.place],
    ["Rating", RATINGS[card.rating] ?? card.rating],
    ["Votes", number(card.votes ?? 0)],
    ["Source", source],
  ];
  return [el("h3", { text: "Details" }), el("dl", { class: "facts" }, ...rows.filter(([, value]) => value).flatMap(([name, value]) =>
    [el("dt", { text: name }), el("dd", {}, value)]))];
}
