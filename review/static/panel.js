// Figures and rounds: how good the gallery is, one button to make it better, and what came of it.

import { forTarget, get, post } from "./api.js";
import { byId, el, icon, number } from "./dom.js";

const STAGES = { starting: "Starting", reading: "Reading answers, tags and embeddings", choosing: "Choosing what to learn", learning: "Learning", writing: "Writing the model", rescoring: "Scoring every picture again", "looking again": "Looking at every stored picture again", following: "Letting the other targets follow" };
const AWAKE_MS = 1000, ASLEEP_MS = 6000;

export class Panel extends EventTarget {
  constructor() {
    super();
    this.button = byId("figures");
    this.drawer = byId("round-panel");
    this.facts = null;
    this.round = { state: "none", started: 0 };
    this.before = null; // figures as they were when the round began
    this.seen = 0;
    this.button.addEventListener("click", () => this.toggle());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.look(); });
  }

  begin(target) {
    this.target = target;
    this.facts = null;
    this.paint();
    return this.look();
  }

  // Ask how things stand, now and again while the page can be seen.
  async look() {
    clearTimeout(this.timer);
    const target = this.target;
    try {
      const [facts, round] = await Promise.all([get(forTarget(target)), get("/api/rounds")]);
      if (target !== this.target) return;
      this.facts = facts;
      this.hear(round);
      this.dispatchEvent(new Event("facts"));
    } catch (error) {
      if (target === this.target) this.dispatchEvent(new CustomEvent("away", { detail: error.message }));
    }
    clearTimeout(this.timer);
    if (!document.hidden) this.timer = setTimeout(() => this.look(), this.round.state === "running" ? AWAKE_MS : ASLEEP_MS);
  }

  hear(round) {
    const ended = this.round.state === "running" && round.state !== "running" && round.started === this.round.started;
    this.round = round;
    this.paint();
    if (ended) this.dispatchEvent(new CustomEvent("ended", { detail: round }));
  }

  async start() {
    this.before = this.facts;
    try {
      const { told, status } = await post("/api/rounds", { target: this.target });
      if (status === 409) this.dispatchEvent(new CustomEvent("away", { detail: told.error }));
      else this.hear(told);
    } catch (error) {
      this.dispatchEvent(new CustomEvent("away", { detail: error.message }));
    }
    await this.look();
  }

  async stop() {
    try { await post("/api/rounds/stop", {}); } catch (error) { this.dispatchEvent(new CustomEvent("away", { detail: error.message })); }
    await this.look();
  }

  toggle(open = this.drawer.hidden) {
    if (open && this.drawer.hidden) this.from = document.activeElement;
    const inside = this.drawer.contains(document.activeElement); // hiding takes the focus away
    this.drawer.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (open) { this.look(); this.drawer.querySelector("button.plain")?.focus(); }
    else if (inside) (this.from?.isConnected && this.from !== document.body ? this.from : byId("grid")).focus({ preventScroll: true });
  }

  get open() { return !this.drawer.hidden; }

  paint() {
    this.paintButton();
    const key = JSON.stringify([this.facts, this.round]);
    if (key === this.key) return;
    this.key = key;
    const had = this.drawer.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    this.drawer.replaceChildren(
      el("header", {}, el("h2", { text: "How good is it?" }),
        el("button", { class: "plain", type: "button", "data-name": "close", "aria-label": "Close", onclick: () => this.toggle(false) }, icon("close"))),
      el("div", { class: "inside" }, ...(this.round.state === "none" ? [] : this.progress()), ...this.figures(), ...this.model(), ...this.next()));
    if (had) this.drawer.querySelector(`[data-name="${had}"]`)?.focus();
  }

  paintButton() {
    const figures = this.facts?.figures, running = this.round.state === "running";
    const dot = running ? "running" : this.facts?.model ? "" : "none";
    const parts = [el("span", { class: `dot ${dot}` })];
    if (running) parts.push(el("span", { text: `round: ${STAGES[this.round.stage] ?? this.round.stage}` }));
    else if (figures?.precision) {
      parts.push(el("span", { class: "number" }, `precision ${inBrief(figures.precision)}`));
      if (figures.recall) parts.push(el("span", { class: "number wide" }, `recall ${inBrief(figures.recall)}`));
    } else parts.push(el("span", { text: this.facts?.model?.name ?? "no model yet" }));
    this.button.replaceChildren(...parts);
    this.button.setAttribute("aria-label", `Figures and rounds: ${parts.map((part) => part.textContent).join(" ")}`);
  }

  figures() {
    const figures = this.facts?.figures;
    const title = el("h3", { text: "The gallery as it stands" });
    const lot = el("button", { type: "button", "data-name": "lot", onclick: () => { this.toggle(false); this.dispatchEvent(new Event("lot")); } }, "Answer only what is drawn by lot");
    if (!figures?.answers) {
      return [title, el("p", { class: "quiet", text: "Answer some questions: those drawn by lot tell how many of the kept pictures are right, and how many were missed." }), lot];
    }
    return [title, stat("Precision", figures.precision, "how much of what is kept is right"), stat("Recall", figures.recall, "how much of what there is is kept"),
      el("p", { class: "quiet", text: `From ${number(figures.answers)} ${figures.answers === 1 ? "answer that was" : "answers that were"} drawn by lot. The pale bars are 95 % intervals: more answers make them shorter.` }), lot];
  }

  model() {
    const model = this.facts?.model;
    if (!model) return [el("h3", { text: "Model" }), el("p", { class: "quiet", text: "There is none yet; crawl --tag … --keep … learns the first from tags." })];
    const test = model.measured?.test;
    return [el("h3", { text: `In force: ${model.name}` }),
      el("p", { class: "quiet", text: `Keeps from a score of ${model.threshold.toFixed(3)}.` }),
      ...(test?.precision?.value === undefined || test.precision.value === null ? [] :
        [stat("Precision", test.precision, `on ${number(test.examples ?? 0)} pictures kept aside`), stat("Recall", test.recall, `on the ${number(test.positives ?? 0)} of them that show it`)])];
  }

  next() {
    if (this.round.state === "running") return [];
    const answers = Object.values(this.facts?.counts?.labels ?? {}).reduce((sum, count) => sum + count, 0);
    return [el("h3", { text: "Next round" }),
      el("p", { class: "quiet", text: `${number(answers)} ${answers === 1 ? "picture has" : "pictures have"} your answer. A round learns from them and scores every picture again. It takes seconds, or minutes when teaching the network too promises more.` }),
      el("button", { class: "primary", id: "start-round", "data-name": "start", type: "button", disabled: !this.facts?.model, onclick: () => this.start() }, "Start a round")];
  }

  progress() {
    const { round } = this;
    if (round.state === "done") return [el("h3", { text: `The round for ${round.target}` }), this.result(round)];
    const parts = [el("h3", { text: `The round for ${round.target}` }), this.steps(round)];
    if (round.state === "running") {
      const bar = el("progress", { max: "1", "aria-label": "Progress of this step" });
      if (round.share > 0) bar.value = round.share;
      parts.push(bar, el("p", { class: "quiet", text: round.words }),
        el("button", { class: "stop", "data-name": "stop", type: "button", onclick: () => this.stop() }, "Stop this round"));
    } else {
      parts.push(el("div", { class: "result failed", role: "alert" }, el("b", { text: this.unfinished(round) }), el("p", { class: "lines", text: round.words })));
    }
    return parts;
  }

  unfinished({ outcome }) {
    return outcome.activated ? `The round did not finish, but ${outcome.model} is in force.` : "The round did not finish; the model in force stays as it was.";
  }

  steps(round) {
    const stages = round.stages.length ? round.stages : [round.stage];
    return el("ul", { class: "steps", "aria-label": `Steps of the round for ${round.target}` }, ...stages.map((stage) => {
      const now = stage === round.stage && round.state !== "done";
      return el("li", { class: now ? (round.state === "failed" ? "failed" : "now") : "" }, STAGES[stage] ?? stage);
    }));
  }

  result(round) {
    const { outcome } = round;
    const words = outcome.activated ? `${outcome.model} is in force` : `${outcome.model ?? "The new model"} is not better; the old one stays in force`;
    const box = el("div", { class: `result ${outcome.activated ? "" : "same"}`, id: "round-result" }, el("b", { text: words }));
    const compared = outcome.metrics?.compared;
    if (compared?.pictures) {
      box.append(el("p", { text: `On ${number(compared.pictures)} pictures that neither has learned from: ${compared.new_errors} errors, before ${compared.old_errors}.` }));
    }
    if (outcome.rescored) box.append(el("p", { text: `${number(outcome.rescored)} pictures were scored again; the round took ${outcome.seconds} s.` }));
    for (const why of outcome.why ?? []) box.append(el("p", { class: "why", text: why }));
    const table = this.beforeAndAfter(round);
    if (table) box.append(table);
    return box;
  }

  beforeAndAfter(round) {
    if (!this.before || !this.facts || this.before.target !== round.target || this.facts.target !== round.target) return null;
    const row = (name, of) => el("tr", {}, el("td", { text: name }), el("td", { text: of(this.before) }), el("td", { text: of(this.facts) }));
    const share = (figure) => (figure ? inBrief(figure) : "too few answers by lot");
    return el("table", {}, el("thead", {}, el("tr", {}, el("th", { text: "" }), el("th", { text: "before" }), el("th", { text: "now" }))),
      el("tbody", {}, row("Kept", (facts) => number(facts.counts.decisions.keep ?? 0)), row("Rejected", (facts) => number(facts.counts.decisions.delete ?? 0)),
        row("Precision", (facts) => share(facts.figures?.precision)), row("Recall", (facts) => share(facts.figures?.recall))));
  }
}

// A figure in a few letters; where little is known, only between which bounds it lies.
function inBrief({ value, low, high }) {
  return high - low > 0.1 ? `${low.toFixed(2)}–${high.toFixed(2)}` : `${value.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

function stat(name, interval, words) {
  if (!interval || interval.value === null) return el("p", { class: "quiet", text: `${name}: nothing measured yet` });
  const band = el("div", { class: "band", "aria-hidden": "true" }, el("i"), el("b"));
  band.children[0].style.left = `${100 * interval.low}%`;
  band.children[0].style.width = `${100 * (interval.high - interval.low)}%`;
  band.children[1].style.left = `${100 * interval.value}%`;
  return el("div", { class: "stat" }, el("span", { text: name }), band, el("output", { text: interval.high - interval.low > 0.3 ? "?" : interval.value.toFixed(3), title: interval.high - interval.low > 0.3 ? "too few answers to say" : "" }),
    el("small", { text: `${interval.low.toFixed(2)} to ${interval.high.toFixed(2)}, ${words}` }));
}
