// Keys, buttons, and how it begins.

// -- keys and buttons ------------------------------------------------------------------------------------------------

const dark = matchMedia("(prefers-color-scheme: dark)");
let chosenTheme = null; // by the button; else the page follows what the reader prefers

function setTheme() {
  const theme = chosenTheme ?? (dark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
  byId("theme").setAttribute("aria-pressed", theme === "dark");
}

function switchTheme() {
  chosenTheme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  setTheme();
}

dark.addEventListener("change", setTheme);

function save() {
  const url = URL.createObjectURL(new Blob([state.svg], { type: "image/svg+xml" }));
  const link = made("a", "", { href: url, download: `${document.title.replace(/[^\w-]+/g, "_")}.svg` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function help(open) {
  byId("keys").hidden = !open;
  byId("help").setAttribute("aria-expanded", open);
  byId(open ? "close-keys" : "help").focus();
}

function letGo() {
  if (!byId("keys").hidden) return help(false);
  if (pinnedItem) return pinItem(null);
  if (!card.hidden) return hideCard();
  if (pinnedAxes.size) {
    pinnedAxes.clear();
    return light([]);
  }
  if (document.activeElement !== document.body) document.activeElement.blur();
}

function walk(event) {
  const at = items.findIndex((each) => each.anchor === document.activeElement);
  const enters = document.activeElement === view && !event.shiftKey;
  const next = at < 0 ? (enters ? current : -1) : at + (event.shiftKey ? -1 : 1);
  if (next < 0 || next >= items.length) return;
  event.preventDefault();
  items[current].anchor.tabIndex = -1;
  current = next;
  items[next].anchor.tabIndex = 0;
  items[next].anchor.focus({ preventScroll: true });
}

stage.addEventListener("focusin", (event) => {
  const each = itemOf(event.target);
  if (!each || !usesKeys()) return;
  bringIntoView(each.anchor);
  showCard(each);
});

stage.addEventListener("focusout", () => {
  if (!pinnedItem) hideCard();
});

const KEYS = {
  "+": () => zoom(1.25, ...middle(), true),
  "=": () => zoom(1.25, ...middle(), true),
  "-": () => zoom(0.8, ...middle(), true),
  "0": () => move(fitted(), true),
  "?": () => help(byId("keys").hidden),
  d: switchTheme,
  s: save,
  ArrowLeft: () => move({ ...place, x: place.x + 60 }),
  ArrowRight: () => move({ ...place, x: place.x - 60 }),
  ArrowUp: () => move({ ...place, y: place.y + 60 }),
  ArrowDown: () => move({ ...place, y: place.y - 60 }),
};

// Whether the reader acts by keys: only then it is shown where the keyboard is.
function usesKeys() {
  return document.documentElement.classList.contains("keys");
}

document.addEventListener("pointerdown", () => document.documentElement.classList.remove("keys"), true);

document.addEventListener("keydown", (event) => {
  document.documentElement.classList.add("keys");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return letGo();
  if (event.target.matches("select, input") || (event.key.startsWith("Arrow") && !byId("keys").hidden)) return;
  if (event.key === "Tab" && view.contains(document.activeElement)) return walk(event);
  const each = itemOf(document.activeElement);
  if (each && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    return each.block ? toggle(each) : pinItem(pinnedItem === each ? null : each);
  }
  if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
});

byId("in").addEventListener("click", KEYS["+"]);
byId("out").addEventListener("click", KEYS["-"]);
byId("fit").addEventListener("click", KEYS["0"]);
byId("theme").addEventListener("click", switchTheme);
byId("save").addEventListener("click", save);
byId("help").addEventListener("click", () => help(byId("keys").hidden));
byId("close-keys").addEventListener("click", () => help(false));

async function begin() {
  data = await unpacked(byId("data").textContent);
  state = data.states.find((each) => each.key === data.start);
  setTheme();
  listLevels();
  listColours();
  prepare();
  move(fitted(READABLE));
  document.documentElement.dataset.ready = "true";
}

begin();
