// Which blocks are open, and what the colours say.

// -- opening and closing ---------------------------------------------------------------------------------------------

// The state in which a block is open, or closed, that is most like this one.
function nearest(path, open) {
  const wanted = new Set(state.open.filter((each) => open || (each !== path && !each.startsWith(`${path}.`))));
  if (open) wanted.add(path);
  const away = (other) => other.open.filter((each) => !wanted.has(each)).length
    + [...wanted].filter((each) => !other.open.includes(each)).length;
  const fitting = data.states.filter((other) => other.open.includes(path) === open);
  return fitting.reduce((best, other) => (best && away(best) <= away(other) ? best : other), null);
}

function toggle(each) {
  const next = nearest(each.block, !each.open);
  if (!next) return say(`${each.title || each.block} is always open`);
  const before = boxOf(each.anchor), focused = document.activeElement === each.anchor;
  show(next);
  say(`${each.title || each.block} ${each.open ? "closed" : "opened"}`);
  const after = items.find((other) => other.block === each.block);
  if (!after) return;
  stayAt(before, boxOf(after.anchor));
  current = items.indexOf(after);
  if (focused) after.anchor.focus({ preventScroll: true });
}

// Where a block was, what it has become stands: it grows, or shrinks, from there around the same centre.
function stayAt(before, after) {
  const frame = view.getBoundingClientRect();
  const centre = (box) => [box.left + box.width / 2 - frame.left, box.top + box.height / 2 - frame.top];
  const [x, y] = centre(before), [fromX, fromY] = centre(after);
  const by = before.width / after.width, from = place;
  const seen = after.width > frame.width - 32 ? Math.max(x, 16 + after.width / 2) : x;
  move({ x: x - (fromX - from.x) * by, y: y - (fromY - from.y) * by, k: from.k * by });
  move({ x: seen - (fromX - from.x), y: y - (fromY - from.y), k: from.k }, true);
}

function show(next) {
  state = next;
  stage.innerHTML = next.svg;
  prepare();
}

function prepare() {
  const svg = stage.querySelector("svg"), { width, height } = svg.viewBox.baseVal;
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.setAttribute("role", "group");
  svg.querySelector("style")?.remove(); // the page has its own, light and dark
  for (const title of svg.querySelectorAll("title")) {
    title.parentNode.dataset.title ||= title.textContent;
    title.remove();
  }
  svg.setAttribute("aria-label", svg.dataset.title ?? state.title);
  over = null;
  pinItem(null);
  read(svg);
  listAxes();
  light([]);
  colour();
  for (const button of byId("levels").children) button.setAttribute("aria-pressed", button.value === state.key);
}

function listLevels() {
  for (const each of data.states.filter((other) => other.level !== null)) {
    const button = made("button", each.level, { value: each.key, title: `Blocks open to level ${each.level}` });
    button.addEventListener("click", () => {
      show(each);
      move(fitted(READABLE), true);
      say(`level ${each.level}`);
    });
    byId("levels").append(button);
  }
  byId("levels").hidden = byId("levels").children.length < 2;
}

// -- colouring by cost -----------------------------------------------------------------------------------------------

const BY = { flops: "FLOPs", parameters: "parameters", memory: "bytes moved" };
const SVG = "http://www.w3.org/2000/svg";

function percent(part) {
  return `${(100 * part).toPrecision(part < 0.001 ? 1 : 3)} %`;
}

function colour() {
  const by = byId("colours").value;
  stage.querySelector(".heat")?.remove();
  stage.classList.toggle("coloured", Boolean(by));
  byId("scale").hidden = !by;
  if (!by) return;
  const closed = items.filter((each) => !each.open).map((each) => [each, share(each, by)]);
  const most = Math.max(...closed.map(([, found]) => found), 1e-9);
  const tiles = document.createElementNS(SVG, "g");
  tiles.classList.add("heat");
  for (const [each, found] of closed) {
    const strength = Math.sqrt(found / most);
    for (const element of each.elements) heat(element, strength);
    if (!each.block) tiles.append(tile(each, strength));
  }
  const svg = stage.querySelector("svg");
  svg.insertBefore(tiles, svg.querySelector(":scope > [data-wire]"));
  const [least, greatest] = byId("scale").querySelectorAll("span");
  [least.textContent, greatest.textContent] = ["0 %", percent(most)];
}

function tile(each, strength) {
  const { left, top, right, bottom } = around(each.elements, 4);
  const shape = document.createElementNS(SVG, "rect");
  const places = { x: left, y: top, width: right - left, height: bottom - top, rx: 3 };
  for (const [name, value] of Object.entries(places)) shape.setAttribute(name, value);
  heat(shape, strength);
  return shape;
}

function heat(element, strength) {
  element.classList.add("hot");
  element.style.setProperty("--share", strength);
}

function listColours() {
  const choices = Object.keys(data.shares);
  for (const by of choices) byId("colours").append(made("option", BY[by] ?? by, { value: by }));
  byId("colour-by").hidden = choices.length === 0;
  byId("colours").addEventListener("change", colour);
}
