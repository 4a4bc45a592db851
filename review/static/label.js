// A picture, what it may be, and the name of its class: one key for the first proposal, part of a name for any other.

import { get, post, Refused } from "./api.js";
import { turnTheme, wireTheme } from "./appearance.js";
import { announce, byId, counted, el, number } from "./dom.js";
import { Help } from "./help.js";

const KEYS = [
  ["Answer", [["Enter", "the marked class, the first proposal"], ["1 … 9", "that one of the list, while nothing is typed"], ["part of a name", "lists the classes that have it; Enter takes the marked one"], ["+ name", "a new class"], ["-", "nobody: none of the classes"]]],
  ["Move", [["↑ ↓", "mark another class"], [".", "skip this picture"], ["< or Ctrl + z", "take the last label back"], ["← →", "the picture before, the next one"], ["Esc", "clear what is typed"]]],
  ["Page", [["?", "this help"], ["Alt + t", "theme: light, dark, as the system"]]],
];
const NOBODY = "nobody";
const AHEAD = 3; // pictures that are fetched before they are asked about

const help = new Help("Keys", KEYS, null);
const typed = byId("typed"), list = byId("options"), picture = byId("picture");
let question = null; // the one on the screen
let progress = null;
let options = []; // { name, share, fresh }: what Enter and digits take
let marked = -1;
let busy = false; // a label is on its way: nothing is answered that was not seen
let past = []; // { number, before, after }: what undo goes back through
let lookup = null; // the request for names that match
let wanted = 0; // the number that is being loaded

// --- the picture -------------------------------------------------------------------------------------------------------

const address = (one) => `/pictures/${one.number}?v=${one.md5}`;
const fetched = new Map(); // number -> question, of the next ones

async function fetchQuestion(at) {
  return (await get(`/api/questions/${at}`)).question;
}

async function ahead(from) {
  for (let at = from; at < Math.min(from + AHEAD, progress.questions); at += 1) {
    if (fetched.has(at)) continue;
    fetched.set(at, null);
    try {
      const one = await fetchQuestion(at);
      fetched.set(at, one);
      new Image().src = address(one);
    } catch { fetched.delete(at); }
  }
}

async function show(at) {
  if (at === null || at >= progress.questions) { finish(); return; }
  const mine = wanted = Math.max(0, at);
  let one = fetched.get(mine);
  fetched.delete(mine);
  try {
    one ??= await fetchQuestion(mine);
  } catch (error) { notice(error.message, { trouble: true }); return; }
  if (mine !== wanted) return;
  byId("finished").hidden = true;
  byId("asking").hidden = false;
  question = one;
  paintPicture();
  clear();
  paint();
  typed.focus({ preventScroll: true });
  const first = question.proposed[0];
  announce(`${question.name}${question.label ? `, labelled ${question.label}` : ""}${first ? `, proposed: ${first[0]}` : ""}`);
  ahead(mine + 1);
}

function paintPicture() {
  const shown = question;
  picture.classList.remove("there");
  byId("nothing").hidden = true;
  picture.onload = () => picture.classList.add("there");
  picture.onerror = () => {
    byId("nothing").textContent = `${shown.name} cannot be shown, or was changed since the page was opened.`;
    byId("nothing").hidden = false;
  };
  picture.alt = shown.name;
  picture.src = address(shown);
  byId("name").textContent = shown.name;
}

const isSeen = () => picture.classList.contains("there") || !byId("nothing").hidden;

function finish() {
  question = null;
  const left = progress.open;
  const again = el("button", { type: "button", class: "primary", onclick: () => show(progress.first_open) }, "Ask again");
  const folder = document.body.dataset.folder;
  byId("asking").hidden = true;
  byId("finished").hidden = false;
  byId("finished").replaceChildren(...(left
    ? [el("h2", { text: `${counted(left, "picture")} skipped` }), again]
    : [el("h2", { text: progress.questions ? `All ${number(progress.questions)} pictures are labelled` : "Every picture has a label" }),
      el("p", {}, "Learn from them: ", el("code", { text: `crawl train NAME --from ${folder} --classes` })),
      el("p", { text: "Ctrl-C in the terminal closes this page." })]));
  paint();
  if (left) again.focus();
  announce(byId("finished").firstElementChild.textContent);
}

// --- the answer ----------------------------------------------------------------------------------------------------------

async function give(label) {
  if (busy || !question || !isSeen() || label === undefined) return;
  const { number: at, label: before } = question, text = typed.value;
  if (label === before) { clear(); show(question.next_open); return; }
  busy = true;
  clear();
  byId("saving").textContent = "saving…";
  try {
    const { status, reply } = await post("/api/labels", { number: at, label, seen: before });
    progress = reply.progress;
    if (status === 409) {
      question = reply.question;
      notice(`This picture was labelled ${question.label || "(nothing)"} elsewhere in the meantime; nothing was overwritten.`, { trouble: true });
      paint();
      return;
    }
    past.push({ number: at, before, after: label });
    notice(null);
    announce(`saved: ${label}`);
    busy = false;
    await show(reply.question.next_open);
  } catch (error) {
    typed.value = text;
    match();
    notice(`Not saved: ${error.message}`, { trouble: true });
  } finally {
    busy = false;
    paintSaving();
  }
}

async function undo() {
  const last = past.at(-1);
  if (busy || !last) return;
  busy = true;
  try {
    const { status, reply } = await post("/api/labels", { number: last.number, label: last.before, seen: last.after });
    past.pop();
    progress = reply.progress;
    fetched.delete(last.number);
    notice(status === 409 ? "That label was changed elsewhere in the meantime; it was left alone." : null, { trouble: true });
    busy = false;
    await show(last.number);
    announce(`taken back: ${last.after}`);
  } catch (error) {
    notice(`Not taken back: ${error.message}`, { trouble: true });
  } finally {
    busy = false;
    paintSaving();
  }
}

function step(by) {
  if (busy) return;
  const at = question ? question.number + by : progress.questions - 1;
  if (at < 0) return;
  show(at);
}

// --- what is typed ---------------------------------------------------------------------------------------------------------

function clear() {
  lookup?.abort();
  lookup = null;
  typed.value = "";
  hint("");
  offer((question?.proposed ?? []).map(([name, share]) => ({ name, share })));
}

async function match() {
  const text = typed.value;
  lookup?.abort();
  lookup = null;
  if (!text.trim()) { clear(); return; }
  const mine = lookup = new AbortController();
  try {
    const found = await get(`/api/names?q=${encodeURIComponent(text)}`, mine.signal);
    if (mine !== lookup) return;
    lookup = null;
    const fresh = found.new && (found.wanted || !found.names.length) ? [{ name: found.new, fresh: true }] : [];
    offer([...found.names.map((name) => ({ name, share: shareOf(name) })), ...fresh], found.wanted || found.names.length > 0);
    const unknown = fresh.length && !found.wanted;
    hint(unknown ? `No class is called like “${text.trim()}”; ↓ and Enter make it one.` : "");
  } catch (error) {
    if (error.name === "AbortError" || mine !== lookup) return;
    lookup = null;
    offer([]);
    hint(error.message);
  }
}

const shareOf = (name) => question?.proposed.find(([one]) => one === name)?.[1];

// Show these to choose from; the first one is marked unless it would make a class by a slip.
function offer(found, mark = true) {
  options = found;
  marked = mark && found.length ? 0 : -1;
  list.hidden = !found.length;
  typed.setAttribute("aria-expanded", String(found.length > 0));
  list.replaceChildren(...found.map((one, at) => el("li", { id: `option-${at}`, role: "option", onclick: () => { give(options[at]?.name); typed.focus(); } },
    typed.value ? null : el("kbd", { "aria-hidden": "true", text: String(at + 1) }),
    el("span", { class: "of" }, one.fresh ? `New class: ${one.name}` : one.name),
    one.share === undefined ? null : el("span", { class: "share", text: one.share.toFixed(2) }))));
  paintMark();
}

function paintMark() {
  for (const [at, item] of [...list.children].entries()) item.setAttribute("aria-selected", String(at === marked));
  if (marked >= 0) { typed.setAttribute("aria-activedescendant", `option-${marked}`); list.children[marked].scrollIntoView({ block: "nearest" }); }
  else typed.removeAttribute("aria-activedescendant");
}

function mark(by) {
  if (!options.length) return;
  marked = marked < 0 ? (by > 0 ? 0 : options.length - 1) : (marked + by + options.length) % options.length;
  paintMark();
}

async function enter() {
  if (lookup) await match(); // what is listed must be what was typed
  if (marked >= 0) give(options[marked].name);
  else if (!options.length && !typed.value && question && !question.proposed.length) hint("Type part of a class's name; + in front makes a new one.");
}

// --- keys ------------------------------------------------------------------------------------------------------------------

const WHEN_EMPTY = {
  "-": () => give(NOBODY),
  ".": () => question && show(question.next_open),
  "<": undo,
  "?": () => help.toggle(),
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
};

function onKey(event) {
  const { key, target } = event;
  if (help.dialog.open) return;
  if (event.altKey && key.toLowerCase() === "t") { turnTheme(); event.preventDefault(); return; }
  if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "z" && !typed.value) { undo(); event.preventDefault(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.closest?.("button, a") && (key === "Enter" || key === " ")) return; // that is theirs
  if (target.closest?.(".classes") && key.startsWith("Arrow")) return; // scrolls
  if (key === "Escape") { clear(); typed.focus(); return; }
  if (key === "Enter") { event.preventDefault(); if (!event.repeat && question) enter(); return; }
  if (key === "ArrowUp" || key === "ArrowDown") { mark(key === "ArrowUp" ? -1 : 1); event.preventDefault(); return; }
  if (typed.value) return;
  const at = Number(key) - 1;
  if (key.length === 1 && options[at]) { event.preventDefault(); if (!event.repeat) give(options[at].name); return; }
  if (WHEN_EMPTY[key]) { event.preventDefault(); if (!event.repeat) WHEN_EMPTY[key](); return; }
  if (key.length === 1 && target !== typed && !byId("asking").hidden) typed.focus(); // the letter goes there
}

// --- around it ---------------------------------------------------------------------------------------------------------------

function paint() {
  const { questions, open, classes } = progress, labelled = questions - open;
  byId("progress").setAttribute("aria-valuemax", String(questions));
  byId("progress").setAttribute("aria-valuenow", String(labelled));
  byId("progress").firstElementChild.style.width = `${questions ? 100 * labelled / questions : 0}%`;
  byId("position").textContent = question ? `${number(question.number + 1)} of ${number(questions)} · ${number(open)} open` : `${number(open)} open`;
  const verdict = byId("verdict");
  verdict.hidden = !question?.label;
  verdict.textContent = question?.label ?? "";
  byId("classes").replaceChildren(...Object.entries(classes).sort((one, other) => one[1] - other[1])
    .flatMap(([name, count]) => [el("dt", { text: name }), el("dd", { text: number(count) })]));
  for (const id of ["nobody", "skip-it"]) byId(id).disabled = !question;
  paintSaving();
}

function paintSaving() {
  byId("saving").textContent = busy ? "saving…" : past.length ? "all saved" : "";
  byId("undo").disabled = !past.length;
}

function notice(words, { trouble = false } = {}) {
  const line = byId("notice");
  line.hidden = !words;
  line.classList.toggle("trouble", trouble);
  line.textContent = words ?? "";
}

function hint(words) { byId("hint").textContent = words; }

function wire() {
  document.addEventListener("keydown", onKey);
  typed.addEventListener("input", match);
  wireTheme();
  byId("skip").addEventListener("click", (event) => { event.preventDefault(); typed.focus(); });
  byId("help").addEventListener("click", () => help.toggle());
  byId("nobody").addEventListener("click", () => { give(NOBODY); typed.focus(); });
  byId("skip-it").addEventListener("click", () => question && show(question.next_open));
  byId("undo").addEventListener("click", () => { undo(); typed.focus(); });
}

async function begin() {
  try {
    progress = (await get("/api/start")).progress;
    await show(progress.first_open);
  } catch (error) {
    notice(error instanceof Refused ? error.message : "The program does not answer; is it still running?", { trouble: true });
  }
}

wire();
begin();
