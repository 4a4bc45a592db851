// Figures and training: how good the gallery is, one button to train a round, and its result.

import { forTarget, get, post } from "./api.js";
import { announcer, byId, counted, el, icon, number } from "./dom.js";

const STAGES = { starting: "Starting", reading: "Reading answers, tags and embeddings", choosing: "Choosing what to train", learning: "Training", writing: "Saving the model", rescoring: "Scoring every picture again", "looking again": "Embedding every stored picture again", following: "Updating the other targets" };
const WIDE = matchMedia("(min-width: 1081px) and (min-height: 481px)"); // there is room beside the pictures
const AWAKE_MS = 1000, ASLEEP_MS = 6000;

export class Panel extends EventTarget {
  constructor() {
    super();
    this.button = byId("figures");
    this.drawer = byId("round-panel");
    this.announcer = announcer();
    this.facts = null;
    this.round = { state: "none", started: 0 };
    this.before = null; // figures as they were when the round began
    this.seen = 0;
    this.button.addEventListener("click", () => this.toggle());
    this.drawer.addEventListener("close", () => this.closed());
    this.drawer.addEventListener("click", (event) => { if (event.target === this.drawer && this.drawer.matches(":modal")) this.toggle(false); });
    WIDE.addEventListener("change", () => this.fit());
    this.paint();
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.look(); });
  }

  begin(target) {
    this.target = target;
    this.facts = null;
    this.paint();
    return this.look();
  }

  // Fetch the figures and the state of the round; repeated while the page is visible.
  async look() {
    clearTimeout(this.timer);
    const target = this.target;
    if (!target) return;
    try {
      const [facts, round] = await Promise.all([get(forTarget(target)), get("/api/rounds")]);
      if (target !== this.target) return;
      this.facts = facts;
      this.update(round);
      this.dispatchEvent(new Event("facts"));
    } catch (error) {
      if (target === this.target) this.dispatchEvent(new CustomEvent("away", { detail: error.message }));
    }
    clearTimeout(this.timer);
    if (!document.hidden) this.timer = setTimeout(() => this.look(), this.round.state === "running" ? AWAKE_MS : ASLEEP_MS);
  }

  update(round) {
    const ended = this.round.state === "running" && round.state !== "running" && round.started === this.round.started;
    this.round = round;
    this.paint();
    if (ended) this.dispatchEvent(new CustomEvent("ended", { detail: round }));
  }

  async start() {
    this.before = this.facts;
    try {
      const { reply, status } = await post("/api/rounds", { target: this.target });
      if (status === 409) this.dispatchEvent(new CustomEvent("away", { detail: reply.error }));
      else this.update(reply);
    } catch (error) {
      this.dispatchEvent(new CustomEvent("away", { detail: error.message }));
    }
    await this.look();
  }

  async stop() {
    try { await post("/api/rounds/stop", {}); } catch (error) { this.dispatchEvent(new CustomEvent("away", { detail: error.message })); }
    await this.look();
  }

  toggle(open = !this.open) {
    if (open === this.open) return;
    if (!open) { this.drawer.close(); return; }
    this.show();
    this.button.setAttribute("aria-expanded", "true");
    this.look();
  }

  // Beside the pictures where there is room for both; else above them, and nothing behind can be reached by accident.
  show() {
    if (WIDE.matches) this.drawer.show();
    else this.drawer.showModal();
    this.drawer.querySelector('[data-name="close"]')?.focus();
  }

  fit() {
    if (!this.open || this.drawer.matches(":modal") !== WIDE.matches) return;
    this.moving = true; // the dialog closes only to be opened in the other way
    this.drawer.close();
    this.show();
  }

  // The browser itself gives the focus back to where it was.
  closed() {
    if (this.moving) { this.moving = false; return; }
    this.button.setAttribute("aria-expanded", "false");
    if (document.activeElement === document.body) byId("grid").focus({ preventScroll: true });
  }

  get open() { return this.drawer.open; }

  get modal() { return this.drawer.matches(":modal"); }

  paint() {
    this.paintButton();
    const key = JSON.stringify([this.facts, this.round]);
    if (key === this.key) return;
    this.key = key;
    const had = this.drawer.contains(document.activeElement) ? document.activeElement.dataset.name ?? "close" : null;
    this.drawer.replaceChildren(
      el("div", { class: "top" }, el("h2", { id: "round-title", text: "Figures and training" }),
        el("button", { class: "plain", type: "button", "data-name": "close", "aria-label": "Close", onclick: () => this.toggle(false) }, icon("close"))),
      this.announcer,
      el("div", { class: "inside" }, ...(this.round.state === "none" ? [] : this.progress()), ...this.figures(), ...this.model(), ...this.next()));
    if (had) (this.drawer.querySelector(`[data-name="${had}"]:not(:disabled)`) ?? this.drawer.querySelector('[data-name="close"]')).focus();
  }

  paintButton() {
    const figures = this.facts?.figures, running = this.round.state === "running";
    const dot = running ? "running" : this.facts?.model ? "" : "none";
    const parts = [el("span", { class: `dot ${dot}` })];
    if (running) parts.push(el("span", { text: `round: ${(STAGES[this.round.stage] ?? this.round.stage).toLowerCase()}` }));
    else if (figures?.precision) {
      parts.push(inShort("precision", figures.precision));
      if (figures.recall) parts.push(inShort("recall", figures.recall, "wide"));
    } else parts.push(el("span", { text: this.facts?.model?.name ?? "no model yet" }));
    this.button.replaceChildren(...parts);
    this.button.setAttribute("aria-label", `Figures and training: ${parts.map((part) => part.textContent).join(" ")}`);
  }

  figures() {
    const figures = this.facts?.figures;
    const title = el("h3", { text: "The gallery as it is now" });
    const sample = el("button", { type: "button", "data-name": "sample", onclick: () => { this.toggle(false); this.dispatchEvent(new Event("sample")); } }, "Answer only the random sample");
    if (!figures?.answers) {
      return [title, el("p", { class: "quiet", text: "Nothing measured yet. Answers to the random sample among the questions show how many of the kept pictures are right, and how many were missed." }), sample];
    }
    return [title, stat("Precision", figures.precision, "share of the kept pictures that are right"), stat("Recall", figures.recall, "share of the pictures looked for that are kept"),
      el("p", { class: "quiet", text: `From ${counted(figures.answers, "answer")} to the random sample. The pale bars are 95 % intervals; more answers narrow them.` }), sample];
  }

  model() {
    const model = this.facts?.model;
    if (!model) return [el("h3", { text: "Model" }), el("p", { class: "quiet", text: "There is none yet. Run crawl --tag … --keep … in a terminal: it trains the first from tags." })];
    const test = model.measured?.test;
    return [el("h3", { text: `In force: ${model.name}` }),
      el("p", { class: "quiet", text: model.refusal
        ? `It may not decide, so untagged pictures stay undecided: ${model.refusal}`
        : `Keeps pictures with a score of ${model.threshold.toFixed(3)} or more.` }),
      ...(test?.precision?.value === undefined || test.precision.value === null ? [] :
        [stat("Precision", test.precision, `on ${counted(test.examples ?? 0, "held-out picture")}`), stat("Recall", test.recall, `on the ${number(test.positives ?? 0)} of them that show the target`)])];
  }

  next() {
    if (this.round.state === "running") return [];
    const answers = Object.values(this.facts?.counts?.labels ?? {}).reduce((sum, count) => sum + count, 0);
    return [el("h3", { text: "Next round" }),
      el("p", { class: "quiet", text: `You have answered ${counted(answers, "picture")}. A round trains a new model on the answers and tags, and scores every picture again. It takes seconds, or minutes when the network is trained too.` }),
      el("button", { class: "primary", id: "start-round", "data-name": "start", type: "button", disabled: !this.facts?.model, onclick: () => this.start() }, "Train a round")];
  }

  progress() {
    const { round } = this;
    if (round.state === "done") return [el("h3", { text: `Round for ${round.target}` }), this.result(round)];
    const parts = [el("h3", { text: `Round for ${round.target}` }), this.steps(round)];
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
    return outcome.activated ? `The round did not finish, but ${outcome.model} is in force.` : "The round did not finish; the model in force has not changed.";
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
    const words = outcome.activated ? `${outcome.model} is in force` : `${outcome.model ?? "The new model"} is no better; the previous model stays in force`;
    const box = el("div", { class: `result ${outcome.activated ? "" : "same"}`, id: "round-result" }, el("b", { text: words }));
    const compared = outcome.metrics?.compared;
    if (compared?.pictures) {
      box.append(el("p", { text: `On ${counted(compared.pictures, "picture")} that neither model was trained on: ${counted(compared.new_errors, "error")}, previously ${number(compared.old_errors)}.${sharesOf(compared)}` }));
    }
    if (outcome.rescored) box.append(el("p", { text: `${counted(outcome.rescored, "picture")} scored again; the round took ${outcome.seconds} s.` }));
    for (const why of outcome.why ?? []) box.append(el("p", { class: "why", text: why }));
    const table = this.beforeAndAfter(round);
    if (table) box.append(table);
    return box;
  }

  beforeAndAfter(round) {
    if (!this.before || !this.facts || this.before.target !== round.target || this.facts.target !== round.target) return null;
    const row = (name, of) => el("tr", {}, el("th", { scope: "row", text: name }), el("td", { text: of(this.before) }), el("td", { text: of(this.facts) }));
    const share = (figure) => (figure ? inBrief(figure) : "too few answers");
    return el("table", {}, el("thead", {}, el("tr", {}, el("td"), el("th", { scope: "col", text: "before" }), el("th", { scope: "col", text: "now" }))),
      el("tbody", {}, row("Kept", (facts) => number(facts.counts.decisions.keep ?? 0)), row("Rejected", (facts) => number(facts.counts.decisions.delete ?? 0)),
        row("Precision", (facts) => share(facts.figures?.precision)), row("Recall", (facts) => share(facts.figures?.recall))));
  }
}

// Precision and recall of both models on the pictures that they were compared on; "" where a round did not count them.
function sharesOf(compared) {
  const share = (right, of) => (of ? (right / of).toFixed(2) : "unknown");
  if (compared.shown === undefined) return "";
  return ` Precision ${share(compared.new_found, compared.new_kept)}, previously ${share(compared.old_found, compared.old_kept)}; recall ${share(compared.new_found, compared.shown)}, previously ${share(compared.old_found, compared.shown)}.`;
}

// The same for the button; narrow windows leave out its name, and the interval where the figure says enough.
function inShort(name, interval, more = "") {
  const [brief, ...rest] = inBrief(interval).split(" ");
  return el("span", { class: `number ${more}` }, el("span", { class: "word", text: `${name} ` }), brief, el("span", { class: "word", text: rest.length ? ` ${rest.join(" ")}` : "" }));
}

// A figure in short; where the interval is wide, only its bounds.
function inBrief({ value, low, high }) {
  return high - low > 0.1 ? `${low.toFixed(2)}–${high.toFixed(2)}` : `${value.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

// A share with its bar. The measured value is always shown; where the interval is wide, the text says what that means.
function stat(name, interval, words) {
  if (!interval || interval.value === null) return el("p", { class: "quiet", text: `${name}: not measured yet` });
  const { value, low, high } = interval;
  const known = low !== null && high !== null;
  const band = el("div", { class: "band", "aria-hidden": "true" }, el("i"), el("b"));
  band.children[0].style.left = `${100 * (known ? low : value)}%`;
  band.children[0].style.width = `${known ? 100 * (high - low) : 0}%`;
  band.children[1].style.left = `${100 * value}%`;
  const vague = !known || high - low > 0.3;
  const range = known ? `${low.toFixed(2)} to ${high.toFixed(2)}` : "interval unknown";
  return el("div", { class: "stat" }, el("span", { text: name }), band, el("output", { text: value.toFixed(vague ? 2 : 3) }),
    el("small", { text: `${range}${vague ? ": too few answers to rely on it" : ""}; ${words}` }));
}
