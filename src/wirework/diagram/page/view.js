"use strict";

// What the page holds: where the picture stands, which state of blocks is shown, what is kept lit, and where the
// keyboard is. The files beside this one are one script with it.

const byId = (id) => document.getElementById(id);
const view = byId("view"), stage = byId("stage"), card = byId("card");
const CLICK = 5; // pixels that a click may move
const REACH = [[0, 0], [0, -4], [0, 4], [-4, 0], [4, 0], [0, -7], [0, 7]]; // where a thin wire is looked for
const READABLE = 0.45; // the least scale at which a picture is first shown
const calm = matchMedia("(prefers-reduced-motion: reduce)");

let data, state, items = [], sharers = new Map(), place = { x: 0, y: 0, k: 1 };
let pinnedAxes = new Set(), pinnedItem = null, current = 0;

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

function made(name, text = "", properties = {}) {
  const element = Object.assign(document.createElement(name), properties);
  element.textContent = text;
  return element;
}

function say(text) {
  byId("said").textContent = text;
}

// -- where the picture stands ----------------------------------------------------------------------------------------

function move(to, smooth = false) {
  const before = stage.style.transform;
  place = to;
  stage.style.transform = `translate(${to.x}px, ${to.y}px) scale(${to.k})`;
  stage.getAnimations().forEach((animation) => animation.cancel());
  if (smooth && !calm.matches && before) {
    stage.animate([{ transform: before }, { transform: stage.style.transform }], { duration: 260, easing: "ease-out" });
  }
}

function zoom(factor, x, y, smooth = false) {
  const k = Math.min(20, Math.max(0.02, place.k * factor));
  const by = k / place.k;
  move({ x: x - (x - place.x) * by, y: y - (y - place.y) * by, k }, smooth);
}

function size() {
  const { width, height } = stage.querySelector("svg").viewBox.baseVal;
  return { width, height };
}

function fitted(least = 0) {
  const { width, height } = size(), { clientWidth: wide, clientHeight: high } = view;
  const k = Math.max(least, Math.min((wide - 32) / width, (high - 32) / height, 2));
  const x = Math.max((wide - width * k) / 2, 16);
  return { x: width * k > wide ? 16 : x, y: (high - height * k) / 2, k };
}

function middle() {
  return [view.clientWidth / 2, view.clientHeight / 2];
}

function inView(event) {
  const box = view.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

// Where an element is as soon as nothing moves.
function boxOf(element) {
  stage.getAnimations().forEach((animation) => animation.finish());
  return element.getBoundingClientRect();
}

function bringIntoView(element) {
  const box = boxOf(element), frame = view.getBoundingClientRect(), edge = 24;
  const shift = (low, high, first, last) =>
    high - low > last - first - 2 * edge || low < first + edge ? first + edge - low : Math.min(0, last - edge - high);
  const x = shift(box.left, box.right, frame.left, frame.right);
  const y = shift(box.top, box.bottom, frame.top, frame.bottom);
  if (x || y) move({ ...place, x: place.x + x, y: place.y + y });
}

const touches = new Map();
let gesture = null; // the pointer that is down, and what it has done

view.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 16 : 1;
  if (event.shiftKey) move({ ...place, x: place.x - (event.deltaY || event.deltaX) * lines });
  else zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), ...inView(event));
}, { passive: false });

view.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  touches.set(event.pointerId, inView(event));
  gesture = { moved: touches.size > 1, start: inView(event) };
});

view.addEventListener("pointermove", (event) => {
  const before = touches.get(event.pointerId), now = inView(event);
  if (!before) return pointAt(event);
  if (Math.hypot(now[0] - gesture.start[0], now[1] - gesture.start[1]) > CLICK) gesture.moved = true;
  if (!gesture.moved) return;
  view.setPointerCapture(event.pointerId);
  if (touches.size === 2) {
    const other = [...touches].find(([id]) => id !== event.pointerId)[1];
    const apart = ([x, y]) => Math.max(1, Math.hypot(x - other[0], y - other[1]));
    zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }
  const share = touches.size;
  move({ ...place, x: place.x + (now[0] - before[0]) / share, y: place.y + (now[1] - before[1]) / share });
  touches.set(event.pointerId, now);
});

for (const name of ["pointerup", "pointercancel"]) {
  view.addEventListener(name, (event) => {
    const down = touches.delete(event.pointerId);
    if (down && name === "pointerup" && !gesture.moved) press(found(event), event);
  });
}

view.addEventListener("pointerleave", () => leave());

view.addEventListener("dblclick", (event) => {
  if (!found(event)) zoom(1.6, ...inView(event), true);
});
