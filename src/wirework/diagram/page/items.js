// What is in the picture: operations and blocks, by their elements.

// -- what is in the picture ------------------------------------------------------------------------------------------

// An item is what one can point at or walk to: an operation, or a block. Its elements carry its name.
function read(svg) {
  const groups = new Map();
  for (const element of svg.querySelectorAll("[data-item]")) {
    const name = element.dataset.item;
    if (name && !groups.has(name)) groups.set(name, []);
    if (name) groups.get(name).push(element);
  }
  const numbers = (name) => name.split(".").map(Number);
  items = [...groups].map(([name, elements]) => item(name, elements)).filter((each) => each.block || each.nodes.length);
  items.sort((one, other) => compare(numbers(one.name), numbers(other.name)));
  count();
  claim(svg);
  for (const [index, each] of items.entries()) {
    each.anchor.tabIndex = index ? -1 : 0;
    each.anchor.setAttribute("role", each.block ? "button" : "img");
    each.anchor.setAttribute("aria-label", label(each));
    if (each.block) each.anchor.setAttribute("aria-expanded", each.open);
  }
  current = 0;
}

function compare(one, other) {
  for (let index = 0; index < Math.max(one.length, other.length); index++) {
    if (one[index] !== other[index]) return (one[index] ?? -1) - (other[index] ?? -1);
  }
  return 0;
}

function item(name, elements) {
  const told = (key) => elements.find((element) => element.dataset[key])?.dataset[key] ?? "";
  const block = told("block"), open = elements.some((element) => element.matches(".fence, :has(> .fence)"));
  const anchor = elements.find((element) => element.dataset.block || element.dataset.op) ?? elements[0];
  return { name, elements, block, open, anchor, nodes: told("op").split(" ").filter(Boolean), title: told("title") };
}

function label(each) {
  if (each.block) return `${each.title || each.block}, block, ${each.open ? "open" : "closed"}`;
  const kinds = each.nodes.map((node) => data.details[node]?.kind).filter(Boolean);
  return [...new Set(kinds)].join(", ") || each.title || "operation";
}

// How often each item is done: a block that is repeated stands for the operations of all its copies, what is in it for
// those of the first. An operation that several items draw a part of is shared by them.
function count() {
  const byName = new Map(items.map((each) => [each.name, each]));
  const inside = new Map(items.map((each) => [each, new Set()]));
  for (const each of items) {
    each.parent = byName.get(each.name.slice(0, Math.max(0, each.name.lastIndexOf("."))));
    if (each.parent) each.nodes.forEach((node) => inside.get(each.parent).add(node));
  }
  for (const each of items) { // the outer ones first
    each.times = each.parent ? each.parent.times * each.parent.copies : 1;
    each.copies = Math.max(1, Math.round(each.nodes.length / (inside.get(each).size || Infinity)));
  }
  const drawn = items.filter((each) => !each.open).flatMap((each) => each.nodes);
  sharers = new Map();
  for (const node of drawn) sharers.set(node, (sharers.get(node) ?? 0) + 1);
}

function share(each, by) {
  const part = (node) => (data.shares[by][node] ?? 0) / (each.open ? 1 : sharers.get(node));
  return each.times * each.nodes.reduce((sum, node) => sum + part(node), 0);
}

// The smallest box, in the units of the picture, around some elements and an edge.
function around(elements, edge = 0) {
  const boxes = elements.map((element) => element.getBBox());
  return {
    left: Math.min(...boxes.map((box) => box.x)) - edge,
    top: Math.min(...boxes.map((box) => box.y)) - edge,
    right: Math.max(...boxes.map((box) => box.x + box.width)) + edge,
    bottom: Math.max(...boxes.map((box) => box.y + box.height)) + edge,
  };
}

// Pieces of wires that bend within a glyph, as those of a cup, belong to the operation that they touch.
function claim(svg) {
  const boxes = items.filter((each) => !each.block).map((each) => [each, around(each.elements, 1)]);
  for (const piece of svg.querySelectorAll("[data-wire] > path:not([data-ends])")) {
    const box = around([piece]);
    if (box.bottom - box.top < 5) continue;
    const touches = ([, other]) => box.left <= other.right && box.right >= other.left
      && box.top <= other.bottom && box.bottom >= other.top;
    const owner = boxes.find(touches)?.[0];
    if (!owner) continue;
    piece.dataset.part = owner.name;
    owner.elements.push(piece);
  }
}

// The element under a pointer, or a wire near it.
function found(event) {
  for (const [x, y] of REACH) {
    const element = document.elementFromPoint(event.clientX + x, event.clientY + y);
    const marked = element && stage.contains(element) && element.closest("[data-part], [data-axis], [data-item]");
    if (marked && !isGround(marked, event)) return marked;
  }
  return null;
}

// The tint of an open block is ground to move on, but for its head.
function isGround(element, event) {
  const each = itemOf(element);
  if (element.dataset.axis || !each?.open) return false;
  const [x, y] = [event.clientX, event.clientY], box = each.anchor.getBoundingClientRect();
  return !(x >= box.left && x <= box.right && y >= box.top && y <= box.top + 24 * place.k);
}

function itemOf(element) {
  return items.find((each) => each.elements.includes(element));
}
