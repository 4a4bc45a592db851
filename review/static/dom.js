// Building elements without ever parsing text as HTML: whatever a site says is text here.

export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") element.className = value;
    else if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const SHAPES = {
  keep: "m4 10.5 4 4 8-9",
  delete: "m5 5 10 10M15 5 5 15",
  unsure: "M7 7.4c0-1.8 1.3-2.9 3-2.9s3 1.1 3 2.7c0 2.3-3 2.3-3 4.6M10 15.2v.3",
  conflict: "M10 4v8M10 15.5v.2",
  close: "m5 5 10 10M15 5 5 15",
  before: "m12.5 4-6 6 6 6",
  after: "m7.5 4 6 6-6 6",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

export const byId = (id) => document.getElementById(id);

export const DONE = { keep: "Keep", delete: "Delete", unsure: "Unsure" };

export function number(value) { return value.toLocaleString("en-US"); }

// A number with its noun: "1 picture", "2 pictures".
export function counted(value, noun, plural = `${noun}s`) { return `${number(value)} ${value === 1 ? noun : plural}`; }

export function score(value) {
  if (value === null || value === undefined) return "–";
  if (value > 0.995 && value < 1) return "> 0.99";
  if (value < 0.005 && value > 0) return "< 0.01";
  return value.toFixed(2);
}

export function readable(tag) { return tag.replaceAll("_", " "); }

// A character's name without its series, where another tag names the series.
export function shortName(tag, copyrights) {
  const short = tag.replace(/_\(([^()]*)\)$/, (whole, series) => (copyrights.includes(series) ? "" : whole));
  return readable(short || tag);
}

export function bytes(count) {
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} MB`;
  return `${Math.max(1, Math.round(count / 1e3))} kB`;
}

// Say it to a screen reader. What lies behind an open dialog is not read, so each dialog has a place of its own.
export function announce(words) { (document.querySelector("dialog:modal .announcer") ?? byId("announcer")).textContent = words; }

export const announcer = () => el("div", { class: "announcer hidden", role: "status", "aria-live": "polite" });
