// Light, dark or as the system; and what the browser remembers.

import { announce, byId } from "./dom.js";

export function store(name, value) {
  try { if (value === null) localStorage.removeItem(name); else localStorage.setItem(name, value); } catch { /* private windows keep nothing */ }
}

export function recall(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

const themeNow = () => document.documentElement.dataset.theme;
const say = () => byId("theme").setAttribute("aria-label", `Theme: ${themeNow() ?? "as the system"}`);

export function turnTheme() {
  const next = themeNow() === undefined ? "dark" : themeNow() === "dark" ? "light" : undefined;
  if (next) document.documentElement.dataset.theme = next; else delete document.documentElement.dataset.theme;
  store("theme", next ?? null);
  say();
  announce(`theme: ${next ?? "as the system"}`);
}

export function wireTheme() {
  say();
  byId("theme").addEventListener("click", turnTheme);
}
