// What the reader is told: of an axis by its light, of an operation or a block by its card.

// -- pointing at it --------------------------------------------------------------------------------------------------

let over = null; // the element that is pointed at

function pointAt(event) {
  const element = found(event);
  if (element !== over) {
    over = element;
    const each = element && itemOf(element);
    light(element?.dataset.axis && !each ? element.dataset.axis.split(" ") : []);
    if (!pinnedItem) each ? showCard(each, event) : hideCard();
    view.classList.toggle("pointing", Boolean(each?.block));
  } else if (!pinnedItem && !card.hidden) {
    putCard(event.clientX, event.clientY);
  }
}

function leave() {
  over = null;
  light([]);
  if (!pinnedItem) hideCard();
}

function press(element, event) {
  const each = element && itemOf(element);
  if (each?.block) return toggle(each);
  if (element?.dataset.axis && !each) return pinAxes(element.dataset.axis.split(" "));
  pinItem(each ?? null, event);
}

function pinItem(each, event) {
  pinnedItem = each;
  card.classList.toggle("pinned", Boolean(each));
  each ? showCard(each, event) : hideCard();
}

// -- lighting axes ---------------------------------------------------------------------------------------------------

function light(axes) {
  const lit = new Set([...pinnedAxes, ...axes]);
  stage.classList.toggle("lighting", lit.size > 0);
  for (const element of stage.querySelectorAll("[data-axis]")) {
    element.classList.toggle("lit", element.dataset.axis.split(" ").some((axis) => lit.has(axis)));
  }
  for (const button of document.querySelectorAll("#axes button")) {
    button.classList.toggle("lit", lit.has(button.value));
    button.setAttribute("aria-pressed", pinnedAxes.has(button.value));
  }
}

function pinAxes(axes) {
  const all = axes.every((axis) => pinnedAxes.has(axis));
  for (const axis of axes) all ? pinnedAxes.delete(axis) : pinnedAxes.add(axis);
  light([]);
}

// The name of an axis as it stands in the picture: "t2" with its number lowered.
function named(axis) {
  const [, letters, digits] = axis.match(/^(.*?)(\d*)$/), name = made("i", letters || axis);
  if (letters && digits) name.append(made("sub", digits));
  return name;
}

function listAxes() {
  const shown = new Set([...stage.querySelectorAll("[data-axis]")].flatMap((each) => each.dataset.axis.split(" ")));
  const known = Object.keys(data.axes).filter((axis) => shown.has(axis));
  const rows = [...new Set([...known, ...shown])];
  byId("axes").querySelector("ul").replaceChildren(...rows.map((axis) => {
    const button = made("button", "", { value: axis });
    const size = data.axes[axis] ?? "";
    button.append(named(axis), made("span", size === axis ? "" : size));
    button.addEventListener("pointerenter", () => light([axis]));
    button.addEventListener("pointerleave", () => light([]));
    button.addEventListener("focus", () => light([axis]));
    button.addEventListener("blur", () => light([]));
    button.addEventListener("click", () => pinAxes([axis]));
    const row = made("li");
    row.append(button);
    return row;
  }));
  byId("axes").hidden = rows.length === 0;
}

// -- cards -----------------------------------------------------------------------------------------------------------

const NAMES = {
  expression: "expression", takes: "takes", gives: "gives", code: "runs as", flops: "FLOPs", parameters: "parameters",
  bytes: "bytes moved",
};

function showCard(each, event) {
  card.replaceChildren(...(each.block ? aboutBlock(each) : aboutOperation(each)));
  if (!card.childNodes.length) return hideCard();
  card.hidden = false;
  card.scrollTop = 0;
  const box = boxOf(each.anchor);
  event ? putCard(event.clientX, event.clientY) : putCard(box.right, box.bottom);
}

function hideCard() {
  card.hidden = true;
}

function putCard(x, y) {
  const gap = 14, { offsetWidth: wide, offsetHeight: high } = card;
  const left = x + gap + wide > innerWidth ? x - gap - wide : x + gap;
  const top = y + gap + high > innerHeight ? y - gap - high : y + gap;
  card.style.left = `${Math.max(4, Math.min(left, innerWidth - wide - 4))}px`;
  card.style.top = `${Math.max(4, Math.min(top, innerHeight - high - 4))}px`;
}

function aboutOperation(each) {
  const known = each.nodes.filter((node) => data.details[node]);
  const parts = known.flatMap((node) => aboutNode(data.details[node]));
  return known.length ? [...parts, table(sharesOf(each))] : [];
}

function aboutNode(about) {
  const heading = made("h3", about.kind);
  if (about.block) heading.append(made("small", about.block));
  return [heading, table(about)];
}

function aboutBlock(each) {
  const heading = made("h3", each.title || each.block);
  if (!heading.textContent.includes(each.block)) heading.append(made("small", each.block));
  const rows = { operations: String(each.nodes.length * each.times), ...sharesOf(each) };
  return [heading, table(rows), made("p", each.open ? "Click or Enter closes it." : "Click or Enter opens it.")];
}

function sharesOf(each) {
  const all = each.times > 1 ? `, all ${each.times}` : "", rows = {};
  for (const by of Object.keys(data.shares)) {
    const found = share(each, by);
    if (found > 0) rows[`share of ${BY[by] ?? by}${all}`] = percent(found);
  }
  return rows;
}

function table(rows) {
  const list = made("dl");
  for (const [name, text] of Object.entries(rows)) {
    if (name in NAMES || name.startsWith("share") || name === "operations") {
      list.append(made("dt", NAMES[name] ?? name), made("dd", text, { className: name }));
    }
  }
  return list;
}
