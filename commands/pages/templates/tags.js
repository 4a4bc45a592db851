"use strict";
const cards = [...document.querySelectorAll(".card")];
const { gallery, target } = document.body.dataset;

function remembered(name, value) {
  try {
    if (value === undefined) return localStorage.getItem(name);
    if (value) localStorage.setItem(name, value);
    else localStorage.removeItem(name);
  } catch {
    document.getElementById("progress").dataset.trouble = " (this browser keeps no ticks)";
  }
  return null;
}

const nameOf = (card) => `boorusieve ${gallery} ${target} ${card.closest("section").dataset.kind} ${card.dataset.key}`;

function show(card, mark) {
  for (const box of card.querySelectorAll("[data-mark]")) {
    box.checked = box.dataset.mark === mark;
    card.classList.toggle(box.dataset.mark, box.checked);
  }
}

function sum() {
  const progress = document.getElementById("progress");
  const done = cards.filter((card) => card.classList.contains("done")).length;
  const no = cards.filter((card) => card.classList.contains("no")).length;
  progress.textContent = `${done} done, ${no} not so, ${cards.length - done - no} to do${progress.dataset.trouble ?? ""}`;
  const commands = document.getElementById("commands");
  commands.replaceChildren();
  for (const section of document.querySelectorAll("section[data-kind]")) {
    const bySite = grouped(section.querySelectorAll(".card.no"));
    for (const [site, found] of bySite) {
      const line = document.createElement("code");
      const posts = found.map((card) => card.dataset.post).join(" ");
      line.textContent = `crawl relabel ${section.dataset.label} ${posts} --keep ${target} --site ${site}`;
      commands.append(line);
    }
  }
  document.getElementById("disagreed").hidden = !commands.children.length;
}

const siteOf = (card) => card.dataset.key.slice(0, card.dataset.key.lastIndexOf("/"));

function grouped(found) {
  const groups = new Map();
  for (const card of found) groups.set(siteOf(card), [...(groups.get(siteOf(card)) ?? []), card]);
  return groups;
}

for (const card of cards) show(card, remembered(nameOf(card)));
sum();

document.addEventListener("change", (event) => {
  const { mark } = event.target.dataset;
  if (!mark) return;
  const card = event.target.closest(".card");
  const chosen = event.target.checked ? mark : "";
  show(card, chosen);
  remembered(nameOf(card), chosen);
  sum();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    button.classList.add("copied");
  } catch {
    button.textContent = `${button.dataset.copy} (copy it by hand)`;
  }
  setTimeout(() => { button.textContent = words; button.classList.remove("copied"); }, 1500);
});
