// Makes quicker what works without it: pages of a list, sorting, searching, forms, menus, keys.
// Everything here starts from a link or a form of the page; whatever goes wrong, that link is
// followed and that form is sent as if this file were not there.

const page = document.querySelector(".pu-page");
const root = page?.closest(".pu");
const voice = root?.querySelector("[data-pu-voice]");
const dialog = root?.querySelector("#pu-dialog");
const acts = dialog?.dataset.puActs;

const TYPED = "input:not([type=checkbox], [type=radio], [type=submit], [type=button])";
const RELATIONS = ["id", "for", "form", "list", "aria-describedby", "aria-labelledby"];
const OPEN = ":is(.pu-menu, .pu-drop)[open]";
const PAUSE = 300;

let asked = null; // the request for another state of this page that is under way
let shown = here(); // the address whose state is on the page
let typing = null; // the field that is being typed in: what comes does not overwrite it
let opener = null; // what the dialog was opened from
let following = 0; // the next look at a job that goes on

function start() {
  root.addEventListener("click", clicked);
  root.addEventListener("submit", submitted);
  root.addEventListener("change", changed);
  root.addEventListener("input", typed);
  root.addEventListener("compositionend", typed);
  root.addEventListener("focusout", left);
  root.addEventListener("toggle", toggled, true);
  document.addEventListener("click", clickedAnywhere);
  document.addEventListener("keydown", pressed);
  for (const kind of ["focusin", "pointerover"]) root.addEventListener(kind, showTips);
  addEventListener("popstate", moved);
  addEventListener("pageshow", returned);
  dialog?.addEventListener("close", closed);
  settle();
}

// What has to be done again whenever the page has changed.
function settle() {
  for (const button of page.querySelectorAll("[data-pu-keys]")) button.hidden = false;
  choose();
  showTab(page.querySelector(".pu-tab[aria-current]"));
  clearTimeout(following);
  if (page.querySelector("[data-pu-waits]")) following = setTimeout(follow, 1000);
}

// Brings the tab of what is shown into its row, which scrolls where it is too long: once the page is
// laid out, which asking for places would do at once.
function showTab(tab) {
  const row = tab?.closest("nav");
  if (!row) return;
  const look = ([{ boundingClientRect: inner, rootBounds: outer }], watch) => {
    watch.disconnect();
    row.scrollLeft += Math.max(0, inner.right - outer.right) + Math.min(0, inner.left - outer.left);
  };
  new IntersectionObserver(look, { root: row }).observe(tab);
}

function here() {
  return location.href.split("#")[0];
}

function say(text) {
  if (!voice || !text) return;
  voice.textContent = "";
  setTimeout(() => (voice.textContent = text.trim().replace(/\s+/g, " ")), 50);
}

// Asking and showing

// Asks for one of our pages and parses it. XMLHttpRequest parses by itself, so there is no text that
// a policy of Trusted Types would have to allow. Redirects are followed; `url` is where they led.
function load(url, { body = null, part = "page", signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(body ? "POST" : "GET", url);
    request.responseType = "document";
    request.setRequestHeader("X-PU-Part", part);
    request.onload = () => {
      const found = request.response?.querySelector(".pu-page");
      for (const plain of found?.querySelectorAll("noscript") ?? []) plain.remove();
      resolve({ page: found, status: request.status, url: new URL(request.responseURL || url) });
    };
    request.onerror = request.onabort = () => reject(new Error(`No answer from ${url}`));
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

function isOurs(answer, url) {
  return answer.page && answer.status < 400 && answer.url.pathname === new URL(url).pathname;
}

// Shows another state of this page: `push` as a new entry of the browser's history.
async function visit(url, { push = true, place } = {}) {
  asked?.abort();
  const mine = (asked = new AbortController());
  page.setAttribute("aria-busy", "true");
  try {
    if (!(await save())) return;
    const answer = await load(url, { part: "results", signal: mine.signal });
    const isUnread = answer.status === 400 && answer.page?.querySelector("#pu-wrong");
    if (!isUnread && !isOurs(answer, url)) throw new Error("Another page came");
    if (push) {
      history.replaceState({ ...history.state, y: scrollY }, "");
      history.pushState({}, "", url);
    } else if (url !== here()) history.replaceState(history.state, "", url);
    shown = here();
    show(answer.page);
    if (place !== undefined) scrollTo(0, place);
    say(page.querySelector("[data-pu-says], .pu-empty-title, .pu-range, caption")?.textContent);
  } catch {
    if (mine.signal.aborted) return;
    if (url === here()) location.reload();
    else location.assign(url);
  } finally {
    if (asked === mine) page.removeAttribute("aria-busy");
  }
}

function show(next) {
  const focused = page.contains(document.activeElement);
  morph(page, next);
  settle();
  if (!focused || page.contains(document.activeElement)) return;
  const place = page.querySelector("#pu-results") ?? page;
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
}

// Makes the children of one element like those of another and keeps what is alike, so that focus,
// selection and scroll stay where they are.
function morph(old, next) {
  let at = old.firstChild;
  for (const want of [...next.childNodes]) {
    let same = at;
    while (same && !alike(same, want)) same = same.nextSibling;
    if (!same) {
      old.insertBefore(document.importNode(want, true), at);
      continue;
    }
    while (at !== same) at = drop(at);
    if (want.nodeType !== Node.ELEMENT_NODE) {
      if (same.data !== want.data) same.data = want.data;
    } else if (same.nodeName !== "DIALOG" && !same.dataset?.puSent) {
      become(same, want);
      morph(same, want);
      if ("value" in same && same !== typing && same.value !== want.value) same.value = want.value;
      if ("checked" in same) same.checked = want.checked;
    }
    at = same.nextSibling;
  }
  while (at) at = drop(at);
}

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function alike(a, b) {
  if (a.nodeType !== b.nodeType || a.nodeName !== b.nodeName) return false;
  if (a.nodeType !== Node.ELEMENT_NODE) return true;
  return a.id === b.id && a.classList[0] === b.classList[0] && a.type === b.type;
}

function become(old, next) {
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !(name === "open" && old.matches(".pu-drop"))) {
      old.removeAttribute(name);
    }
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

function moved() {
  if (dialog?.open) dialog.close();
  if (here() === shown) return;
  typing = null;
  visit(location.href, { push: false, place: history.state?.y });
}

// Comes back to a page that the browser had kept as it was.
function returned(event) {
  root.querySelectorAll("[data-pu-sent]").forEach(release);
  if (event.persisted && page.querySelector("#pu-results")) visit(here(), { push: false });
}

// Leaves for another page, once the ticks are kept.
async function leave(url) {
  if (await save()) location.assign(url);
}

function clicked(event) {
  const link = event.target.closest("a[href]");
  if (event.target.closest("[data-pu-keys]")) return showKeys();
  if (dialog?.open && event.target.closest("[data-pu-cancel]")) {
    event.preventDefault();
    return dialog.close();
  }
  if (link?.hash && dialog?.open) {
    event.preventDefault(); // a step of the browser's history would close the dialog
    return dialog.querySelector(link.hash)?.focus();
  }
  if (event.target.closest("[data-pu-dismiss]")) event.target.closest(".pu-message").remove();
  const elsewhere =
    event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  if (!link || elsewhere || event.defaultPrevented || link.target || dialog?.open) return;
  const url = new URL(link.href);
  const same = url.origin === location.origin;
  if (same && acts && url.pathname.startsWith(acts)) {
    event.preventDefault();
    ask(link);
  } else if (same && url.pathname === location.pathname && !url.hash) {
    event.preventDefault();
    typing = null;
    const turns = link.rel === "next" || link.rel === "prev";
    visit(url.href).then(() => turns && event.detail && scrollToResults());
  } else if (!isKept()) {
    event.preventDefault();
    leave(link.href);
  }
}

function scrollToResults() {
  const results = page.querySelector("#pu-results");
  if (results?.getBoundingClientRect().top < 0) results.scrollIntoView();
}

// Searching and filtering

let pause = 0;
let began = false; // whether this typing has its entry in the browser's history already

function find(form, push = true) {
  clearTimeout(pause);
  const filled = [...new FormData(form)].filter(([, value]) => value !== "");
  const query = new URLSearchParams(filled).toString();
  const url = new URL(form.getAttribute("action"), location);
  const wanted = url.origin + url.pathname + (query && `?${query}`);
  if (wanted !== shown) return visit(wanted, { push });
}

function typed(event) {
  const field = event.target;
  const form = field.form;
  if (form?.querySelector("[data-pu-foreseen]")) foresee(form);
  if (!form?.matches("[data-pu-search]") || field.type !== "search") return;
  clearTimeout(pause);
  typing = field;
  if (event.isComposing || /[,;\n]|@.*@|:$/.test(field.value)) return; // a word or a list half-way
  const look = () => {
    find(form, !began);
    began = true;
  };
  if (field.value) pause = setTimeout(look, PAUSE);
  else look();
}

function left(event) {
  if (event.target === typing) {
    typing = null;
    began = false;
  }
  const menu = event.target.closest?.(OPEN);
  if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
}

function changed(event) {
  const form = event.target.form;
  if (form?.matches("[data-pu-search]") && !event.target.matches(TYPED)) find(form);
  else count(event);
}

// Forms

function submitted(event) {
  const form = event.target;
  const button = event.submitter;
  if (event.defaultPrevented) return;
  if (form.dataset.puSent) return event.preventDefault();
  const url = new URL(form.getAttribute("action") ?? "", location);
  const posts = form.getAttribute("method") === "post";
  if (!posts) {
    if (url.pathname !== location.pathname) return;
    event.preventDefault();
    typing = null;
    return find(form, !began);
  }
  const acting = [url, location].map((place) => place.pathname.startsWith(acts));
  const quick = dialog?.contains(form) || form.matches(".pu-undo") || (acting[0] && !acting[1]);
  if (dialog && quick && !("puPlain" in form.dataset)) {
    event.preventDefault();
    return send(form, button, url.href);
  }
  if (form.getAttribute("id") !== "pu-many" && !isKept()) {
    event.preventDefault();
    return save().then((kept) => kept && form.requestSubmit(button));
  }
  hold(form, button);
  if (url.pathname.endsWith(".csv")) setTimeout(release, 3000, form); // it leads to no page
}

// A button that was pressed is not pressed again until there is an answer.
function hold(form, button) {
  glance?.abort();
  form.dataset.puSent = "true";
  button?.setAttribute("aria-disabled", "true");
}

function release(form) {
  delete form.dataset.puSent;
  for (const button of root.querySelectorAll("button[aria-disabled]")) {
    if (button.form === form) button.removeAttribute("aria-disabled");
  }
}

async function send(form, button, url) {
  hold(form, button);
  const body = new URLSearchParams(new FormData(form, button));
  const answer = await load(url, { body }).catch(() => null);
  release(form);
  if (answer && answer.url.pathname !== new URL(url).pathname) return arrive(answer);
  const content = answer && contentOf(answer);
  if (content) return open(content);
  form.dataset.puPlain = "";
  form.requestSubmit(button);
}

// Goes where what was done leads to: here, if this page can tell it.
async function arrive({ page: next, status, url }) {
  const done = ["done", "unchanged"].find((name) => url.searchParams.has(name));
  if (done && next && status < 400 && page.querySelector("#pu-results")) {
    if (!(await save())) return;
    const list = new URL(here());
    list.searchParams.set(done, url.searchParams.get(done));
    const answer = await load(list.href, {}).catch(() => null);
    next = answer && isOurs(answer, list.href) ? answer.page : null;
  } else if (url.pathname !== location.pathname || status >= 400) next = null;
  if (!next) {
    if (dialog?.open) location.replace(url); // instead of the dialog's entry
    else location.assign(url);
    return;
  }
  asked?.abort();
  const back = opener;
  opener = null;
  if (dialog?.open) dialog.close();
  show(next);
  if (back) focusOn(back);
  const message = page.querySelector(".pu-message");
  say(message?.querySelector("span")?.textContent);
  if (message?.showPopover) float(message);
}

// Lets a message stand above the page, wherever that is scrolled to, until it is dismissed or the
// list changes. With the keyboard it comes after what is focused now.
function float(message) {
  message.popover = "manual";
  for (const button of message.querySelectorAll("[data-pu-dismiss]")) button.hidden = false;
  message.showPopover({ source: document.activeElement });
}

// What a user will read once a form is done is rendered anew while it is being filled in.
let glance = null;

function foresee(form) {
  glance?.abort();
  const { signal } = (glance = new AbortController());
  setTimeout(async () => {
    if (signal.aborted || form.dataset.puSent) return;
    const body = new URLSearchParams(new FormData(form));
    const url = form.getAttribute("action");
    const answer = await load(url, { body, part: "foreseen", signal }).catch(() => null);
    const found = answer?.page?.querySelector("[data-pu-foreseen]");
    if (found) morph(form.querySelector("[data-pu-foreseen]"), found);
  }, PAUSE);
}

// The dialog

function contentOf(answer) {
  return answer.page?.querySelector("form.pu-form, .pu-empty");
}

async function ask(link) {
  if (link.ariaBusy) return;
  link.ariaBusy = "true";
  const answer = await load(link.href).catch(() => null);
  link.ariaBusy = null;
  const menu = link.closest(".pu-menu");
  if (menu) menu.open = false;
  const same = answer?.url.pathname === new URL(link.href).pathname;
  const content = same && contentOf(answer); // a refusal is an answer too
  if (!content) return leave(link.href);
  opener = link;
  open(content);
}

// Shows a form or an answer; its names stand apart from those of the page below.
function open(content) {
  const part = document.importNode(content, true);
  for (const element of [part, ...part.querySelectorAll("*")]) {
    for (const name of RELATIONS) {
      const value = element.getAttribute(name);
      if (value) element.setAttribute(name, value.replace(/\S+/g, "pu-dialog-$&"));
    }
    if (element.matches("a[href^='#']")) element.hash = `pu-dialog-${element.hash.slice(1)}`;
  }
  const again = dialog.open;
  const title = part.querySelector("h1, h2") ?? part;
  title.id = "pu-dialog-title";
  title.tabIndex = -1;
  dialog.querySelector("[data-pu-content]").replaceChildren(part);
  if (!again) {
    dialog.showModal();
    history.pushState({ ...history.state, dialog: true }, "");
  }
  const wrong = part.querySelector("[data-pu-summary], [role=alert]");
  const first = part.querySelector(`${TYPED}:not([type=hidden]), select, textarea, [type=radio]`);
  const chosen = first?.type === "radio" && part.querySelector("[type=radio]:checked");
  const target = wrong ?? (again ? null : chosen || first) ?? title;
  if (target.tabIndex < 0) target.tabIndex = -1;
  target.focus();
}

function closed() {
  if (history.state?.dialog) history.back();
  if (opener) focusOn(opener);
  opener = null;
}

function focusOn(element) {
  const menu = element.closest(".pu-menu");
  const target = menu && !menu.open ? menu.querySelector("summary") : element;
  if (target.isConnected) target.focus();
  if (document.activeElement === target) return;
  const instead = page.querySelector(".pu-message");
  if (!instead) return;
  instead.tabIndex = -1;
  instead.focus();
}

// Choosing many users: ticks are kept whatever is followed.

let kept = "";

function ticks() {
  return [...root.querySelectorAll("#pu-many [name=key]")];
}

function marks() {
  return ticks().map((tick) => tick.checked).join();
}

function isKept() {
  return marks() === kept;
}

function choose() {
  const keep = root.querySelector("#pu-many [value=keep]");
  if (!keep) return (kept = marks());
  keep.hidden = true;
  kept = marks();
  const all = root.querySelector("[data-pu-all]");
  if (all) all.closest("label").hidden = false;
  count();
}

function count(event) {
  const form = root.querySelector("#pu-many");
  const number = form?.querySelector("[data-pu-elsewhere]");
  if (!number) return;
  const all = form.querySelector("[data-pu-all]");
  if (all && event?.target === all) for (const tick of ticks()) tick.checked = all.checked;
  const here = ticks().filter((tick) => tick.checked).length;
  const chosen = Number(number.dataset.puElsewhere) + here;
  number.textContent = chosen.toLocaleString(number.closest("[lang]")?.lang || "en");
  form.classList.toggle("pu-many-used", chosen > 0);
  if (!all) return;
  all.checked = here > 0 && here === ticks().length;
  all.indeterminate = here > 0 && !all.checked;
}

// Tells the server who is ticked; if that fails, the form is sent and its answer says why.
async function save() {
  if (isKept()) return true;
  const form = root.querySelector("#pu-many");
  const now = marks();
  const body = new URLSearchParams(new FormData(form));
  body.set("go", "keep");
  const sent = { method: "POST", body, redirect: "manual" };
  const answer = await fetch(form.getAttribute("action"), sent).catch(() => null);
  if (answer?.type !== "opaqueredirect") {
    form.requestSubmit(form.querySelector("[value=keep]"));
    return false;
  }
  kept = now;
  return true;
}

// A job that goes on

let told = "";

async function follow() {
  const url = here();
  const answer = await load(url).catch(() => null);
  if (!answer || !isOurs(answer, url)) return setTimeout(() => location.reload(), 5000);
  const over = !answer.page.querySelector("[data-pu-waits]");
  show(answer.page);
  const text = page.querySelector("[role=status], [data-pu-waits] p")?.textContent;
  const now = Math.floor(Date.now() / 10_000);
  if (over || now !== told) say(text);
  told = now;
}

// Menus: one is open at a time, where there is room for it.

function toggled(event) {
  const menu = event.target;
  if (!menu.matches?.(".pu-menu")) return;
  const list = menu.querySelector(".pu-menu-list");
  menu.classList.remove("pu-menu-flip");
  if (!menu.open) return;
  for (const other of root.querySelectorAll(".pu-menu[open]")) {
    if (other !== menu) other.open = false;
  }
  const { bottom, height } = list.getBoundingClientRect();
  const above = menu.getBoundingClientRect().top;
  menu.classList.toggle("pu-menu-flip", bottom > innerHeight && above > height);
}

function clickedAnywhere(event) {
  const inside = event.target.closest?.(OPEN);
  for (const menu of root.querySelectorAll(OPEN)) {
    if (menu !== inside) menu.open = false;
  }
}

// Moves inside a menu; returns whether the key was for it.
function pressedInMenu(event) {
  const drop = event.key === "Escape" && event.target.closest?.(".pu-drop[open]");
  if (drop) {
    drop.open = false;
    drop.querySelector("summary").focus();
    return true;
  }
  const menu = event.target.closest?.(".pu-menu");
  if (!menu) return false;
  const summary = menu.querySelector("summary");
  const items = [...menu.querySelectorAll(".pu-menu-list :is(a, button)")];
  const at = items.indexOf(document.activeElement);
  const to = {
    ArrowDown: (at + 1) % items.length,
    ArrowUp: at < 0 ? items.length - 1 : (at || items.length) - 1,
    Home: 0,
    End: items.length - 1,
  }[event.key];
  if (event.key === "Escape" && menu.open) {
    menu.open = false;
    summary.focus();
  } else if (to !== undefined && (menu.open || event.key.startsWith("Arrow"))) {
    menu.open = true;
    items[to]?.focus();
  } else return false;
  return true;
}

// Keys

function pressed(event) {
  const at = event.composedPath()[0];
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.isComposing || document.querySelector("dialog[open], [aria-modal=true]")) return;
  if (root.contains(at) && (pressedInMenu(event) || pressedInSearch(event))) {
    return event.preventDefault();
  }
  if (event.key === "Escape") root.classList.add("pu-tips-off");
  if (at.isContentEditable || at.matches?.(`${TYPED}, select, textarea`)) return;
  const row = at.closest?.(".pu-table tbody tr");
  const key = { ArrowDown: row && "j", ArrowUp: row && "k", m: "." }[event.key] ?? event.key;
  if (key !== event.key && event.key !== "m" && at.matches("input, summary")) return;
  if ((event.key.length === 1 && !keysAreOn()) || !act(key, row)) return;
  event.preventDefault();
}

// What Escape has put away comes back with the next step of the focus or the pointer.
function showTips() {
  root.classList.remove("pu-tips-off");
}

function pressedInSearch(event) {
  const field = event.target;
  if (event.key !== "Escape" || field.type !== "search" || !field.value) return false;
  field.value = "";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  return true;
}

function act(key, row) {
  const search = page.querySelector("[data-pu-search] [type=search]");
  const rows = [...page.querySelectorAll(".pu-table tbody tr")];
  const at = rows.indexOf(row);
  if (key === "?" && page.querySelector("#pu-keys")) showKeys();
  else if (key === "/" && search) search.select(), search.focus();
  else if (key === "j" && rows.length) focusRow(rows[Math.min(at + 1, rows.length - 1)]);
  else if (key === "k" && rows.length) focusRow(rows[Math.max(at - 1, 0)]);
  else if (key === "x" && row?.querySelector("[name=key]")) row.querySelector("[name=key]").click();
  else if (key === "." && row?.querySelector(".pu-menu")) {
    const menu = row.querySelector(".pu-menu");
    menu.open = true;
    menu.querySelector(".pu-menu-list :is(a, button)")?.focus();
  } else return false;
  return true;
}

function focusRow(row) {
  const link = row.querySelector(".pu-contact-name") ?? row.querySelector("a[href]");
  link?.focus();
  row.scrollIntoView({ block: "nearest" });
}

function showKeys() {
  const keys = page.querySelector("#pu-keys");
  const on = keys.querySelector("[type=checkbox]");
  on.checked = keysAreOn();
  on.onchange = () => turnKeys(on.checked);
  keys.querySelector("button").onclick = () => keys.close();
  keys.showModal();
}

// Kept in this browser; where it keeps nothing, they are on.
function keysAreOn() {
  try {
    return localStorage.getItem("pu-keys") !== "off";
  } catch {
    return true;
  }
}

function turnKeys(on) {
  try {
    localStorage.setItem("pu-keys", on ? "on" : "off");
  } catch {
    // the next page begins with them on
  }
}

if (root) start();
