// The page: puts the parts together and listens to keys.

import { forTarget, get, Refused } from "./api.js";
import { recall, store, turnTheme, wireTheme } from "./appearance.js";
import { Big } from "./big.js";
import { Cards } from "./cards.js";
import { Completion } from "./complete.js";
import { announce, byId, counted, el, number } from "./dom.js";
import { Grid } from "./grid.js";
import { Help } from "./help.js";
import { Outbox } from "./outbox.js";
import { Panel } from "./panel.js";
import { Similar } from "./similar.js";

const VIEWS = [
  { name: "questions", words: "Questions", query: "", queue: true },
  { name: "sample", words: "Random sample", query: "", queue: true, hidden: true },
  { name: "kept", words: "Kept", query: "decision:keep", count: (counts) => counts.decisions.keep },
  { name: "rejected", words: "Rejected", query: "decision:delete", count: (counts) => counts.decisions.delete },
  { name: "undecided", words: "Undecided", query: "decision:undecided", count: (counts) => counts.decisions.undecided },
  { name: "answered", words: "Answered", query: "label:any", count: (counts) => Object.values(counts.labels).reduce((sum, count) => sum + count, 0) },
  { name: "all", words: "All", query: "", count: (counts) => counts.total },
];
const SHOWN = VIEWS.filter((one) => !one.hidden);
const SIZE = "size"; // under which the size of the pictures is remembered
const EMPTY_LIST = { ids: [], ratios: [], reasons: {}, cut: false };

const cards = new Cards();
const outbox = new Outbox(cards);
const grid = new Grid(cards, EMPTY_LIST);
const big = new Big(cards, outbox);
const panel = new Panel();
const similar = new Similar(cards);
const help = new Help();
new Completion();
let view = VIEWS[0];
let loading = null;
let queued = false; // the list is the queue itself: its questions can all be answered
let finished = false; // all questions of the list are answered, and that was announced
let listedAt = null; // counts when the list was loaded: says when there is more

// --- lists -----------------------------------------------------------------------------------------------------------

async function load({ keep = false } = {}) {
  loading?.abort();
  similar.forget();
  if (byId("notice").dataset.about === "similar") notice(null);
  const mine = loading = new AbortController();
  const question = byId("expression").value.trim();
  const order = byId("order").value;
  const words = [view.queue && !question && !order ? "" : view.query, question, order].filter(Boolean).join(" ");
  const asked = view.queue && !question && !order ? `view=${view.name}` : `q=${encodeURIComponent(words)}`;
  grid.room.setAttribute("aria-busy", "true");
  try {
    const list = await get(forTarget(cards.target, `/list?${asked}`), mine.signal);
    listedAt = panel.facts?.counts.newest ?? null;
    problem(null);
    finished = false;
    queued = asked.startsWith("view=");
    grid.show(list, { keep });
    paintProgress();
    empty(list, question);
    remember();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error instanceof Refused && error.status === 422) problem(error.reply);
    else notice(error.message, { trouble: true });
  } finally {
    if (loading === mine) { loading = null; grid.room.setAttribute("aria-busy", "false"); }
  }
}

// Pictures like one picture take the list's place until another one is asked for.
function showSimilar({ name, list, words }) {
  loading?.abort();
  queued = false;
  if (big.open) big.close();
  grid.show(list);
  paintProgress();
  if (list.ids.length) nothing(null);
  else nothing("Nothing to compare", el("p", { text: `No picture of ${cards.target} has been looked at by its network yet.` }));
  const back = el("button", { type: "button", onclick: () => load() }, "Back to the list", el("kbd", { text: "r" }));
  notice(`${counted(list.ids.length, "picture")} like ${name}, the most alike first. ${words}`, { button: back, about: "similar" });
  announce(`${counted(list.ids.length, "picture")} like ${name}. ${words}`);
  grid.room.focus({ preventScroll: true });
}

function problem(found) {
  const box = byId("filter-problem");
  box.hidden = !found;
  byId("filter").classList.toggle("wrong", Boolean(found));
  byId("expression").setAttribute("aria-invalid", String(Boolean(found)));
  if (!found) return;
  box.replaceChildren(el("mark", { text: found.term }), el("span", { text: found.problem }));
  if (found.suggestion) box.append(el("button", { type: "button", onclick: () => correct(found.term, found.suggestion) }, `Use ${found.suggestion}`));
}

function correct(term, suggestion) {
  const input = byId("expression");
  const whole = suggestion.includes(":") || !term.includes(":") ? suggestion : `${term.slice(0, term.indexOf(":") + 1)}${suggestion}`; // a value alone
  input.value = input.value.replace(term, whole);
  input.focus();
  load();
}

function empty(list, question) {
  if (list.ids.length) { nothing(null); return; }
  const all = el("button", { type: "button", onclick: () => choose(VIEWS.at(-1)) }, "Show all pictures");
  if (panel.facts?.counts.total === 0) {
    nothing("The gallery is empty", el("p", {}, "No picture has been listed yet. Run ", el("code", { text: `crawl --tag … --keep ${cards.target}` }), " in a terminal; its pictures appear here while it runs."));
  } else if (view.queue && !question) nothing("No open questions", el("p", { text: "Train a round to see what your answers changed, or browse the lists." }), all);
  else nothing("No matches", ...absent(list.absent), all);
}

// In the place of the pictures: what there is instead.
function nothing(title, ...parts) {
  const box = byId("empty");
  box.hidden = title === null;
  byId("grid").hidden = title !== null;
  if (title !== null) box.replaceChildren(el("h2", { text: title }), ...parts);
}

function absent(tags) {
  const found = Object.entries(tags ?? {});
  if (!found.length) return [el("p", { text: "No picture in this list matches the filter." })];
  return found.map(([tag, meant]) => el("p", {}, nothingFor(tag),
    meant ? el("button", { type: "button", onclick: () => correct(tag, meant) }, `Use ${meant}`) : null));
}

function nothingFor(term) {
  if (term.startsWith("target:")) return `${term}: the page shows ${cards.target}; choose another target at the top. `;
  return `No picture has the tag ${term}. `;
}

function choose(wanted) {
  view = wanted;
  paintViews();
  byId("expression").value = "";
  byId("order").value = "";
  grid.room.focus({ preventScroll: true });
  return load();
}

function paintViews() {
  const counts = panel.facts?.counts;
  const list = byId("views");
  if (!list.children.length) {
    list.append(...SHOWN.map((one, at) => el("li", {}, el("button", { type: "button", "data-view": one.name, "aria-keyshortcuts": String(at + 1), onclick: () => choose(one) },
      el("span", { text: one.words }), el("span", { class: "count" })))));
  }
  for (const [at, one] of SHOWN.entries()) {
    const button = list.children[at].firstChild;
    const shown = one === view || (Boolean(view.hidden) && one === VIEWS[0]);
    if (shown && button.ariaCurrent !== "true") list.children[at].scrollIntoView({ block: "nearest", inline: "nearest" });
    button.setAttribute("aria-current", String(shown));
    const count = counts && one.count ? one.count(counts) ?? 0 : null;
    button.lastChild.textContent = count === null ? "" : number(count);
  }
}

async function showTarget(target) {
  cards.begin(target);
  grid.show(EMPTY_LIST);
  document.title = `${target} · boorusieve`;
  await panel.begin(target);
  await load();
}

// --- answers -----------------------------------------------------------------------------------------------------------

const whyOf = (id) => grid.list.reasons?.[id]?.reason ?? "manual";

function say(value) {
  if (loading && !big.open) return; // another list is about to take this one's place: the answer could go to a picture that was not shown
  const ids = big.open ? [big.id] : grid.meant;
  if (!ids.length) return;
  const several = ids.length > 1;
  const changed = outbox.say(ids, value, whyOf);
  announce(several ? `${counted(changed, "picture")}: ${value}` : value);
  if (several || grid.chosen.size) grid.chooseNone();
  else if (value !== "clear") advance();
}

// Questions that are all answered ask what comes next.
function paintProgress() {
  const { ids } = grid.list;
  const queue = queued && grid.list.reasons && Object.keys(grid.list.reasons).length > 0;
  const answered = queue ? ids.filter((id) => cards.label(id)).length : 0;
  byId("progress").hidden = !queue;
  byId("progress").firstElementChild.style.width = `${queue ? 100 * answered / ids.length : 0}%`;
  byId("progress").setAttribute("aria-valuenow", String(answered));
  byId("progress").setAttribute("aria-valuemax", String(ids.length));
  if (queue && answered === ids.length && !finished) {
    finished = true;
    const round = el("button", { type: "button", onclick: () => { notice(null); panel.toggle(true); panel.start(); } }, "Train a round");
    const more = el("button", { type: "button", onclick: () => { notice(null); load(); } }, "More questions", el("kbd", { text: "r" }));
    notice(ids.length === 1 ? "The question is answered." : `All ${number(ids.length)} questions are answered.`, { button: el("span", { class: "buttons" }, round, more) });
  } else if (queue && answered < ids.length && finished) {
    finished = false;
    notice(null);
  }
}

function advance() {
  const next = grid.current + 1;
  if (big.open && grid.currentId !== big.id) return; // a picture of "more like this": stay with it
  if (next >= grid.list.ids.length) return;
  grid.go(next);
  if (big.open) openBig();
}

function undo() {
  const ids = outbox.undo();
  if (!ids) return;
  announce(ids.length > 1 ? `undone: ${counted(ids.length, "picture")}` : "undone");
  if (ids.length === 1) grid.goTo(ids[0]);
  if (big.open) big.show(ids[0], grid.list.reasons?.[ids[0]]);
}

function nextOpen() {
  const { ids } = grid.list;
  for (let step = 1; step <= ids.length; step += 1) {
    const index = (grid.current + step) % ids.length;
    if (!cards.label(ids[index])) { grid.go(index); if (big.open) openBig(); return; }
  }
}

function openBig() {
  for (const near of [grid.list.ids[grid.current + 1], grid.list.ids[grid.current - 1]]) {
    const address = cards.get(near)?.picture;
    if (address) new Image().src = address; // the next one is there before it is asked for
  }
  if (grid.currentId !== undefined) big.show(grid.currentId, grid.list.reasons?.[grid.currentId]);
}

function stepBig(by) {
  grid.go(grid.current + by);
  openBig();
}

// --- around the grid -----------------------------------------------------------------------------------------------------

function paintPosition() {
  const total = grid.list.ids.length, chosen = grid.chosen.size;
  const where = total ? `${number(grid.current + 1)} of ${number(total)}${grid.list.cut ? "+" : ""}` : "";
  byId("position").textContent = chosen ? `${number(chosen)} chosen · ${where}` : where;
}

function paintSaving() {
  const line = byId("saving"), open = outbox.open;
  line.classList.toggle("trouble", Boolean(outbox.trouble));
  if (open && outbox.trouble) line.textContent = `${number(open)} not saved yet: ${outbox.trouble}; trying again`;
  else if (open) line.textContent = `saving ${number(open)}…`;
  else line.textContent = outbox.past.length ? "all saved" : "";
  byId("undo").disabled = !outbox.undoable;
}

function notice(words, { trouble = false, button, about = "" } = {}) {
  const line = byId("notice");
  line.hidden = !words;
  line.dataset.about = about;
  line.classList.toggle("trouble", trouble);
  line.replaceChildren(...(words ? [el("span", { text: words })] : []), ...(button ? [button] : []));
}

function resize(size) {
  grid.resize(Number(size));
  store(SIZE, size);
}

// The address says what is shown, so that it can be kept and the browser's own buttons work.
function remember() {
  const words = new URLSearchParams({ target: cards.target, view: view.name });
  if (byId("expression").value.trim()) words.set("q", byId("expression").value.trim());
  if (byId("order").value) words.set("order", byId("order").value);
  const address = `#${words}`;
  if (location.hash === address) return;
  if (location.hash) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

async function fromAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  const select = byId("target");
  const names = [...select.options].map((option) => option.value);
  const target = names.includes(words.get("target")) ? words.get("target") : names[0];
  view = VIEWS.find((one) => one.name === words.get("view")) ?? VIEWS[0];
  byId("expression").value = words.get("q") ?? "";
  byId("order").value = words.get("order") ?? "";
  select.value = target;
  paintViews();
  if (!target) {
    nothing("The gallery has no target yet", el("p", {}, "Run ", el("code", { text: "crawl --tag … --keep …" }), " in a terminal, and reload this page."));
    return;
  }
  if (target !== cards.target) await showTarget(target);
  else await load();
}

// --- keys ----------------------------------------------------------------------------------------------------------------

const KEYS = {
  k: () => say("keep"),
  d: () => say("delete"),
  u: () => say("unsure"),
  c: () => say("clear"),
  z: undo,
  n: nextOpen,
  x: () => { if (!big.open) grid.toggle(); },
  X: () => { if (!big.open) grid.chooseTo(); },
  Enter: () => (big.open ? big.close() : openBig()),
  "/": () => { if (big.open) big.close(); byId("expression").select(); byId("expression").focus(); },
  "?": () => help.toggle(),
  l: () => { if (big.open) big.enlarge(); },
  s: () => { const id = big.open ? big.id : grid.currentId; if (id !== undefined) similar.ofPost(id); },
  g: () => { if (!big.open) panel.toggle(); },
  r: () => { notice(null); load({ keep: true }); },
  t: turnTheme,
};
const MOVES = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"]);

function onKey(event) {
  const { key, target } = event;
  const typing = target.matches?.("input[type=text], select, textarea");
  if (key === "Escape") { onEscape(event, typing); return; }
  if (typing || event.altKey || help.dialog.open || (panel.modal && key !== "g")) return;
  if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "a" && !big.open) { grid.chooseAll(); event.preventDefault(); return; }
  if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "z") { undo(); event.preventDefault(); return; }
  if (event.ctrlKey || event.metaKey) return;
  if (MOVES.has(key)) { onMove(event); return; }
  if ((key === "Enter" || key === " ") && target.closest?.("button, a, summary")) return; // that is theirs
  const at = Number(key);
  if (!big.open && Number.isInteger(at) && SHOWN[at - 1]) { choose(SHOWN[at - 1]); event.preventDefault(); return; }
  const does = KEYS[key] ?? KEYS[key.toLowerCase()];
  if (!does || (event.repeat && "kducz".includes(key) && !event.shiftKey && key !== "z")) return;
  does();
  event.preventDefault();
}

function onMove(event) {
  if (event.target.matches?.("input[type=range]")) return;
  if (big.open) {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") { stepBig(event.key === "ArrowLeft" ? -1 : 1); event.preventDefault(); }
    return;
  }
  if (event.target.closest?.(".drawer") || panel.modal) return;
  grid.step(event.key, { extend: event.shiftKey });
  grid.room.focus({ preventScroll: true });
  event.preventDefault();
}

function onEscape(event, typing) {
  if (help.dialog.open || big.open || panel.modal) return; // a modal dialog closes itself
  if (typing) { event.target.blur(); grid.room.focus({ preventScroll: true }); }
  else if (panel.open) panel.toggle(false);
  else grid.chooseNone();
}

// --- wiring --------------------------------------------------------------------------------------------------------------

// Once a frame is enough, however many things changed.
function soon(work) {
  let frame = 0;
  return () => { frame ||= requestAnimationFrame(() => { frame = 0; work(); }); };
}

function wire() {
  document.addEventListener("keydown", onKey);
  byId("skip").addEventListener("click", (event) => { event.preventDefault(); (byId("grid").hidden ? byId("pictures") : grid.room).focus(); });
  byId("filter").addEventListener("submit", (event) => { event.preventDefault(); load().then(() => { if (byId("filter-problem").hidden) grid.room.focus(); }); });
  byId("expression").addEventListener("input", () => { if (!byId("expression").value) problem(null); });
  byId("order").addEventListener("change", () => load());
  byId("target").addEventListener("change", (event) => { showTarget(event.target.value); grid.room.focus(); });
  byId("size").addEventListener("input", (event) => resize(event.target.value));
  wireTheme();
  byId("help").addEventListener("click", () => help.toggle());
  for (const value of ["keep", "delete", "unsure"]) byId(value).addEventListener("click", () => { say(value); grid.room.focus({ preventScroll: true }); });
  byId("undo").addEventListener("click", undo);
  grid.addEventListener("move", paintPosition);
  grid.addEventListener("open", openBig);
  outbox.addEventListener("change", paintSaving);
  cards.addEventListener("change", soon(paintProgress));
  outbox.addEventListener("settled", onSettled);
  outbox.addEventListener("refused", (event) => notice(event.detail, { trouble: true }));
  big.addEventListener("say", (event) => say(event.detail));
  big.addEventListener("undo", undo);
  big.addEventListener("step", (event) => stepBig(event.detail));
  big.addEventListener("filter", (event) => { byId("expression").value = event.detail; view = VIEWS.at(-1); paintViews(); load(); });
  similar.addEventListener("asked", (event) => notice(`Comparing ${event.detail} with every picture …`, { about: "similar" }));
  similar.addEventListener("found", (event) => showSimilar(event.detail));
  similar.addEventListener("trouble", (event) => notice(event.detail, { trouble: true, about: "similar" }));
  big.addEventListener("closed", () => grid.room.focus({ preventScroll: true }));
  panel.addEventListener("sample", () => choose(VIEWS.find((one) => one.name === "sample")));
  panel.addEventListener("facts", onFacts);
  panel.addEventListener("away", (event) => notice(event.detail, { trouble: true }));
  panel.addEventListener("ended", onRoundEnd);
  addEventListener("popstate", fromAddress);
}

let looking = 0;
function onSettled(event) {
  const { conflicts, unknown } = event.detail;
  if (conflicts.length) notice(`${counted(conflicts.length, "picture was", "pictures were")} answered elsewhere in the meantime; nothing was overwritten. Look again, and answer if you disagree.`, { trouble: true });
  else if (unknown.length) notice("Some pictures are no longer in the gallery; reload the list (r).", { trouble: true });
  clearTimeout(looking);
  looking = setTimeout(() => panel.look(), 700); // one look for many quick answers
}

function onFacts() {
  paintViews();
  if (byId("notice").classList.contains("trouble") && !outbox.trouble && byId("notice").textContent.includes("does not answer")) notice(null);
  const newest = panel.facts.counts.newest;
  if (listedAt !== null && newest > listedAt) {
    notice(`${counted(newest - listedAt, "new picture")} arrived.`, { button: el("button", { type: "button", onclick: () => { notice(null); load({ keep: true }); } }, newest - listedAt === 1 ? "Show it" : "Show them", el("kbd", { text: "r" })) });
  } else listedAt ??= newest;
}

function onRoundEnd(event) {
  panel.drawer.scrollTop = 0;
  const round = event.detail;
  announce(round.state === "done" ? "The round is finished" : "The round failed");
  if (round.target !== cards.target || (round.state !== "done" && !round.outcome.activated)) return;
  cards.known.clear();
  load();
  panel.look();
}

wire();
const size = recall(SIZE);
if (size) { byId("size").value = size; grid.resize(Number(size)); }
paintSaving();
fromAddress().then(() => grid.room.focus({ preventScroll: true }));
