// What tests/equipment/accessibility.py asks of a page; `modal` is what can be reached while a dialog is open.

const modal = document.querySelector("dialog:modal") ?? document.body;

const name = (one) => [one.tagName.toLowerCase(), one.id && `#${one.id}`, ...[...one.classList].map((name) => `.${name}`)].join("");

function candidates(selector) {
  return [...modal.querySelectorAll(selector)].filter((one) =>
    one.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && one.getClientRects().length > 0
    && !one.closest(".hidden, .skip, [aria-hidden=true]"));
}

function isInScroller(one) {
  for (let up = one.parentElement; up; up = up.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(up).overflowX) && up.scrollWidth > up.clientWidth) return true;
  }
  return false;
}

function overflowing() {
  const whole = document.documentElement.scrollWidth;
  const wide = whole > innerWidth + 1 ? [`the page is ${whole} px wide, the window ${innerWidth}`] : [];
  const beyond = candidates("*").filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1) && !isInScroller(one);
  });
  return wide.concat(beyond.map(name));
}

function cutOff(selector) {
  return candidates(selector).filter((one) => one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1)
    .map((one) => `${name(one)}: ${one.textContent}`);
}

function smallTargets(least) {
  return candidates("button, select, input, a[href], summary").filter((one) => {
    const box = one.getBoundingClientRect();
    return Math.round(box.width) < least || Math.round(box.height) < least;
  }).map((one) => `${name(one)} ${Math.round(one.getBoundingClientRect().width)} × ${Math.round(one.getBoundingClientRect().height)}`);
}
