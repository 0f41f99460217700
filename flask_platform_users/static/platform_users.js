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
const SAYS = "[data-pu-says], .pu-empty-title, .pu-range, caption";
const PAUSE = 300;
const FADE = 32; // so wide a row of tabs fades at its end
const HELD = { csv: 3000, page: 30_000 };
const TAKES_KEYS = `${TYPED}, select, textarea, :is([role=listbox], [role=menu], [role=grid],
  [role=tree], [role=combobox], [role=slider], [role=spinbutton], [role=application])`;

let asked = null; // another state of this page, while it is under way
let coming = null; // a form for the dialog, while it is under way
let refreshing = false; // whether what comes is the same list as before, after something was done
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
  addEventListener("click", leaving);
  addEventListener("submit", leaving);
  dialog?.addEventListener("close", closed);
  history.scrollRestoration = "auto";
  if (history.state?.dialog) history.replaceState(null, "");
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
    const [right, left] = [inner.right + FADE - outer.right, inner.left - FADE - outer.left];
    row.scrollLeft += Math.max(0, right) + Math.min(0, left);
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

class NoAnswer extends Error {}

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
    request.onerror = () => reject(new NoAnswer(url));
    request.onabort = () => reject(new Error(`${url} is not wanted any more`));
    if (signal?.aborted) return request.onabort();
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

function isOurs(answer, url) {
  return answer.page && answer.status < 400 && answer.url.pathname === new URL(url).pathname;
}

// Says whether anything is under way. What was asked for last counts.
function busy() {
  if (asked || coming) page.setAttribute("aria-busy", "true");
  else page.removeAttribute("aria-busy");
}

// Shows another state of this page: `push` as a new entry of the browser's history, which a search
// that is being typed makes once; `moves` if the browser's history led here; `again` if it is asked
// for because something was done. Returns whether it is shown.
async function visit(url, { push = url !== shown, place, moves = false, again = false } = {}) {
  asked?.abort();
  if (!again) coming?.abort();
  seek();
  const mine = (asked = Object.assign(new AbortController(), { url, push, place, moves }));
  busy();
  try {
    let answer;
    do {
      if (!(await save())) return;
      answer = await load(url, { part: "results", signal: mine.signal });
    } while (!isKept()); // ticked meanwhile
    const isUnread = answer.status === 400 && answer.page?.querySelector("#pu-wrong");
    if (!isUnread && !isOurs(answer, url)) throw new Error("Another page came");
    if (push && !(typing && began)) {
      began = Boolean(typing);
      if (history.state?.dialog) history.replaceState({}, "", url);
      else {
        history.replaceState({ ...history.state, y: scrollY }, "");
        history.pushState({}, "", url);
      }
      history.scrollRestoration = "auto";
    } else if (url !== here()) history.replaceState(history.state, "", url);
    shown = here();
    refreshing = again;
    show(answer.page);
    if (place !== undefined) scrollTo(0, place);
    if (again) return true;
    takeDown();
    say((page.querySelector(SAYS) ?? page.querySelector("h1"))?.textContent);
    return true;
  } catch (error) {
    if (mine.signal.aborted || again) return;
    if (error instanceof NoAnswer && !moves && tell("offline")) return;
    if (url === here()) location.reload();
    else location.assign(url);
  } finally {
    refreshing = false;
    if (asked === mine) asked = null;
    busy();
  }
}

// Says what went wrong, in the form that it is about or above the page, and leaves all as it is.
function tell(what, { form, text } = {}) {
  const known = root.querySelector(`template[data-pu-tells=${what}]`);
  if (!known) return false;
  const message = known.content.firstElementChild.cloneNode(true);
  const words = message.querySelector("span");
  if (text) words.textContent = text;
  const isOpen = form && dialog?.open && dialog.contains(form);
  const title = form && !isOpen && form.querySelector("h1")?.textContent;
  if (title) words.textContent = `${title}: ${words.textContent}`;
  putUp(message, isOpen ? form.querySelector(".pu-form-buttons") : null);
  return true;
}

function takeDown() {
  for (const old of root.querySelectorAll("[data-pu-told]")) old.remove();
}

// Puts a message up in place of the one before, until another list is asked for or it is dismissed.
function putUp(message, below) {
  takeDown();
  message.dataset.puTold = "";
  (below ?? page).before(message);
  if (!below && message.showPopover) float(message);
  say(message.querySelector("span").textContent);
}

function show(next) {
  const focused = page.contains(document.activeElement);
  morph(page, next);
  settle();
  root.dispatchEvent(new CustomEvent("pu:shown", { bubbles: true }));
  if (focused && !page.contains(document.activeElement)) rest();
}

function dismiss(message) {
  const focused = message.contains(document.activeElement);
  message.remove();
  if (focused) rest();
}

// Gives the focus a place where what had it is gone.
function rest() {
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
    if (want.nodeType !== Node.ELEMENT_NODE && same && !alike(same, want)) same = null;
    while (same && !alike(same, want)) same = same.nextSibling;
    if (!same) {
      old.insertBefore(document.importNode(want, true), at);
      continue;
    }
    while (at !== same) at = drop(at);
    if (want.nodeType !== Node.ELEMENT_NODE) {
      if (same.data !== want.data) same.data = want.data;
    } else if (!same.matches("dialog, [data-pu-keep]")) {
      const stays = isBeingFilledIn(same, want);
      become(same, want);
      morph(same, want);
      if ("value" in same && !stays && same.value !== want.value) same.value = want.value;
      if ("checked" in same && !stays) same.checked = want.checked;
    }
    at = same.nextSibling;
  }
  while (at) at = drop(at);
}

// What was filled in and not sent stays; but a list that was asked for shows what it is narrowed by.
function isBeingFilledIn(field, next) {
  if (field === typing) return true;
  if (!refreshing && field.form?.matches(".pu-toolbar")) return false;
  if (!field.form || field.form.matches("#pu-many") || field.name !== next.name) return false;
  if (field.matches("[type=checkbox], [type=radio]")) {
    return field.checked !== field.defaultChecked && field.value === next.value;
  }
  if (field.matches("select")) {
    const usual = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
    return field.value !== usual?.value;
  }
  return "defaultValue" in field && field.value !== field.defaultValue;
}

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function alike(a, b) {
  if (a.nodeType !== b.nodeType || a.nodeName !== b.nodeName) return false;
  if (a.nodeType !== Node.ELEMENT_NODE) return true;
  if (a.matches(".pu-undo") && a.getAttribute("action") !== b.getAttribute("action")) return false;
  return a.id === b.id && a.classList[0] === b.classList[0] && a.type === b.type;
}

function become(old, next) {
  for (const { name } of [...old.attributes]) {
    const isOfThePerson =
      (name === "open" && !old.matches(".pu-menu")) ||
      name === "data-pu-sent" ||
      (name === "aria-disabled" && old.form?.dataset.puSent);
    if (!next.hasAttribute(name) && !isOfThePerson) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

function moved() {
  if (!root.isConnected) return;
  if (dialog?.open) dialog.close();
  else if (history.state?.dialog) return history.back(); // it shows nothing any more
  history.scrollRestoration = "auto";
  seek();
  if (here() === shown) {
    if (asked?.moves) asked.abort();
    return;
  }
  typing = null;
  began = false;
  visit(here(), { push: false, place: history.state?.y, moves: true });
}

// Comes back to a page that the browser had kept as it was.
function returned(event) {
  if (!root.isConnected) return;
  busy();
  root.querySelectorAll("[data-pu-sent]").forEach(release);
  if (event.persisted && page.querySelector("#pu-results")) visit(here(), { push: false });
}

// Keeps the ticks where the page is left by a link or a form of the host's.
function leaving(event) {
  const { target } = event;
  if (!root.isConnected || root.contains(target) || event.defaultPrevented || isKept()) return;
  if (event.type === "submit") {
    if (target.matches("[target], [method=dialog i]")) return;
    return keepFirst(event);
  }
  const link = target.closest?.("a[href]");
  if (!link || isForElsewhere(event) || !leads(link)) return;
  event.preventDefault();
  leave(link.href);
}

// Sends a form once the ticks are kept.
async function keepFirst(event) {
  event.preventDefault();
  if (await save()) event.target.requestSubmit(event.submitter);
}

// Says whether a link leads to another page in this window.
function leads(link) {
  const isHere = link.hash && link.href.split("#")[0] === here();
  return /^https?:$/.test(link.protocol) && !link.matches("[target], [download]") && !isHere;
}

// Says whether a click opens another tab or window.
function isForElsewhere({ button, metaKey, ctrlKey, shiftKey, altKey }) {
  return button || metaKey || ctrlKey || shiftKey || altKey;
}

// Leaves for another page, once the ticks are kept.
async function leave(url) {
  page.setAttribute("aria-busy", "true");
  if (await save()) location.assign(url);
  else busy();
}

function clicked(event) {
  const link = event.target.closest("a[href]");
  if (event.target.closest("[data-pu-keys]")) return showKeys();
  if (dialog?.open && event.target.closest("[data-pu-cancel]")) {
    event.preventDefault();
    return dialog.close();
  }
  if (link?.hash && dialog?.open && link.href.split("#")[0] === here()) {
    event.preventDefault(); // a step of the browser's history would close the dialog
    return document.getElementById(link.hash.slice(1))?.focus();
  }
  if (event.target.closest("[data-pu-dismiss]")) dismiss(event.target.closest(".pu-message"));
  const elsewhere = isForElsewhere(event);
  if (link && elsewhere) link.closest(".pu-menu")?.removeAttribute("open");
  if (!link || elsewhere || event.defaultPrevented || link.target) return;
  const url = new URL(link.href);
  const same = url.origin === location.origin && !dialog?.open;
  if (same && acts && url.pathname.startsWith(acts)) {
    event.preventDefault();
    ask(link);
  } else if (same && url.pathname === location.pathname && !url.hash) {
    event.preventDefault();
    typing = null;
    const turns = link.rel === "next" || link.rel === "prev";
    visit(url.href).then((isShown) => isShown && turns && event.detail && scrollToResults());
  } else if (!isKept() && leads(link)) {
    event.preventDefault();
    leave(link.href);
  }
}

function scrollToResults() {
  const results = page.querySelector("#pu-results") ?? page;
  if (results.getBoundingClientRect().top < 0) results.scrollIntoView();
}

// Searching and filtering

let pause = 0;
let sought = null; // the form that is looked for once the typing pauses
let began = false; // whether this typing has its entry in the browser's history already

// Waits for a pause in the typing, or for nothing any more.
function seek(form = null) {
  clearTimeout(pause);
  sought = form;
  if (form) pause = setTimeout(find, PAUSE, form);
}

function find(form, anyway = false) {
  seek();
  const filled = [...new FormData(form)].filter(([, value]) => value !== "");
  const query = new URLSearchParams(filled).toString();
  const url = new URL(form.getAttribute("action"), location);
  const wanted = url.origin + url.pathname + (query && `?${query}`);
  if (anyway || wanted !== shown) return visit(wanted);
  if (!asked?.moves) asked?.abort(); // it was taken back
}

function typed(event) {
  const field = event.target;
  const form = field.form;
  if (form?.querySelector("[data-pu-foreseen]")) foresee(form);
  if (!form?.matches("[data-pu-search]") || field.type !== "search") return;
  seek();
  typing = field;
  if (event.isComposing || /[,;\n]|@.*@|:$/.test(field.value)) return; // a word or a list half-way
  if (field.value) seek(form);
  else find(form);
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
  if (event.defaultPrevented || form.matches("[target], [method=dialog i]")) return;
  if (form.dataset.puSent) return event.preventDefault();
  const url = new URL(form.getAttribute("action") ?? "", location);
  if (!form.matches("[method=post i]")) {
    if (!form.matches(".pu-toolbar") || url.pathname !== location.pathname) return;
    event.preventDefault();
    typing = null;
    began = false;
    return find(form, true);
  }
  const acting = [url, location].map((place) => place.pathname.startsWith(acts));
  const quick = dialog?.contains(form) || form.matches(".pu-undo") || (acting[0] && !acting[1]);
  if (dialog && quick && !("puPlain" in form.dataset)) {
    event.preventDefault();
    return send(form, button, url.href);
  }
  if (form.matches("#pu-many")) kept = marks();
  else if (!isKept()) return keepFirst(event);
  hold(form, button);
  const held = url.pathname.endsWith(".csv") ? HELD.csv : HELD.page; // or it was stopped
  setTimeout(release, held, form);
}

// A button that was pressed is not pressed again until there is an answer, or none for long.
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
  if (answer && answer.url.pathname !== new URL(url).pathname) return arrive(answer, form);
  const content = answer && contentOf(answer);
  const ails = !answer || answer.status >= 500 || answer.status === 429;
  const isFree = !dialog.open || dialog.contains(form);
  if (content && !ails && isFree) return open(content);
  if (ails || content || !form.isConnected) {
    if (ails && !dialog.open && dialog.contains(form)) uncover();
    const text = content?.querySelector("[role=alert]")?.textContent;
    return tell(answer ? "failed" : "offline", { form, text }) || location.assign(url);
  }
  form.dataset.puPlain = "";
  form.requestSubmit(button);
}

// Goes where what was done leads to: here, if this page can tell it. Another form that was opened
// meanwhile stays.
function arrive({ page: next, status, url }, form) {
  const isDone = ["done", "unchanged"].some((name) => url.searchParams.has(name));
  const isOurs = next && status < 400;
  const message = isOurs && next.querySelector(".pu-message");
  const isListed = isDone && message && page.querySelector("#pu-results");
  if (!isListed && !(isOurs && url.pathname === location.pathname)) {
    if (dialog.contains(form)) location.replace(url); // instead of the dialog's entry
    else location.assign(url);
    return;
  }
  if (dialog.open && dialog.contains(form)) dialog.close();
  if (form.isConnected && form.closest(".pu-message")) dismiss(form.closest(".pu-message"));
  if (message) putUp(message); // it is taken out of the page that came
  else takeDown();
  if (!isListed) {
    asked?.abort();
    show(next);
  } else if (sought) find(sought);
  else if (asked) visit(asked.url, { ...asked, again: true });
  else visit(here(), { again: true });
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
  const url = link.href; // the link may lead elsewhere once the list has changed
  if (coming?.url === url) return;
  coming?.abort();
  clearTimeout(pause); // it is looked for when the form is closed
  const mine = (coming = Object.assign(new AbortController(), { url }));
  busy();
  const answer = await load(url, { signal: mine.signal }).catch((error) => error);
  if (coming === mine) coming = null;
  busy();
  if (mine.signal.aborted) return;
  const menu = link.closest(".pu-menu");
  if (menu) menu.open = false;
  if (answer instanceof NoAnswer && tell("offline")) return focusOn(link);
  takeDown();
  const same = answer.url?.pathname === new URL(url).pathname;
  const content = same && contentOf(answer); // a refusal is an answer too
  if (!content) return leave(url);
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
  if (!again) uncover();
  const wrong = part.querySelector("[data-pu-summary], [role=alert]");
  const first = part.querySelector(`${TYPED}:not([type=hidden]), select, textarea, [type=radio]`);
  const chosen = first?.type === "radio" && part.querySelector("[type=radio]:checked");
  const target = wrong ?? (again ? null : chosen || first) ?? title;
  if (target.tabIndex < 0) target.tabIndex = -1;
  target.focus();
}

function uncover() {
  dialog.showModal();
  history.scrollRestoration = "manual"; // what is below stays where it is
  history.pushState({ ...history.state, dialog: true }, "");
}

function closed() {
  if (history.state?.dialog) history.back();
  if (opener) focusOn(opener);
  opener = null;
  if (sought) find(sought);
}

function focusOn(element) {
  const menu = element.closest(".pu-menu");
  const target = menu && !menu.open ? menu.querySelector("summary") : element;
  if (target.isConnected) target.focus();
  if (document.activeElement === target) return;
  const instead = root.querySelector(".pu-message");
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

// Tells the server who is ticked, with a new token where the old one is too old; if that fails, the
// form is sent and its answer says why.
async function save({ renews = true } = {}) {
  if (isKept()) return true;
  const form = root.querySelector("#pu-many");
  const now = marks();
  const body = new URLSearchParams(new FormData(form));
  body.set("go", "keep");
  const sent = { method: "POST", body, redirect: "manual" };
  const answer = await fetch(form.getAttribute("action"), sent).catch(() => null);
  if (answer?.type === "opaqueredirect") {
    kept = now;
    return true;
  }
  if (!answer && tell("offline")) return false;
  const fresh = renews && (await load(here()).catch(() => null));
  const token = fresh?.page?.querySelector("#pu-many [name=csrf_token]");
  if (token) {
    form.querySelector("[name=csrf_token]").value = token.value;
    return save({ renews: false });
  }
  form.requestSubmit(form.querySelector("[value=keep]"));
  return false;
}

// A job that goes on

let saidAt = 0;
let missed = 0;

async function follow() {
  const url = here();
  const answer = await load(url).catch(() => null);
  if (!answer || answer.status >= 500) {
    following = setTimeout(follow, Math.min(30_000, 1000 * 2 ** ++missed));
    return;
  }
  missed = 0;
  if (!isOurs(answer, url)) return location.reload();
  const over = !answer.page.querySelector("[data-pu-waits]");
  show(answer.page);
  const text = page.querySelector("[role=status], [data-pu-waits] p")?.textContent;
  const now = Math.floor(Date.now() / 10_000);
  if (over || now !== saidAt) say(text);
  saidAt = now;
}

// Menus: one is open at a time, where there is room for it. What else opens is brought into view.

function toggled(event) {
  const menu = event.target;
  if (menu.matches(".pu-drop[open]")) menu.lastElementChild.scrollIntoView({ block: "nearest" });
  if (!menu.matches(".pu-menu")) return;
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
  if (!root.isConnected) return;
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
  if (!root.isConnected || event.defaultPrevented || event.isComposing) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const above = document.querySelectorAll("dialog:modal, [aria-modal=true]");
  if ([...above].some((element) => element.checkVisibility?.() ?? true)) return;
  if (root.contains(at) && (pressedInMenu(event) || pressedInSearch(event))) {
    return event.preventDefault();
  }
  if (event.key === "Escape") root.classList.add("pu-tips-off");
  if (at.isContentEditable || at.closest?.(TAKES_KEYS)) return;
  if (event.key === "Enter" && at.matches?.("#pu-many [type=checkbox]")) event.preventDefault();
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
