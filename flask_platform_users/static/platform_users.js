// Keeps ticks while the list is paged, sorted and searched, counts them, and follows a job that
// goes on. Without it the buttons of the forms and a reload do the same.

const form = document.querySelector("#pu-many");
const waiting = document.querySelector("[data-pu-waits]");
if (form?.querySelector("[value=keep]")) choose(form);
if (waiting) setTimeout(follow, 1000, waiting);

function choose(form) {
  const ticks = [...form.querySelectorAll("[name=key]")];
  const all = form.querySelector("[data-pu-all]");
  const keep = form.querySelector("[value=keep]");
  const count = form.querySelector("[data-pu-elsewhere]");
  const page = form.closest(".pu");
  const ticked = () => ticks.filter((tick) => tick.checked).length;
  const marks = () => ticks.map((tick) => tick.checked).join();
  let kept = marks();

  function show() {
    const chosen = Number(count.dataset.puElsewhere) + ticked();
    count.textContent = chosen.toLocaleString("en");
    form.classList.toggle("pu-many-used", chosen > 0);
    if (!all) return;
    all.checked = ticks.length > 0 && ticked() === ticks.length;
    all.indeterminate = !all.checked && ticked() > 0;
  }

  // Tells the server who is ticked; if that fails, the form is sent and its answer says why.
  async function save() {
    const now = marks();
    const body = new URLSearchParams(new FormData(form));
    body.set("go", "keep");
    const sent = { method: "POST", body, redirect: "manual" };
    const answer = await fetch(form.action, sent).catch(() => null);
    if (answer?.type !== "opaqueredirect") {
      form.requestSubmit(keep);
      return false;
    }
    kept = now;
    return true;
  }

  keep.hidden = true;
  if (all) {
    all.closest("[hidden]").hidden = false;
    all.addEventListener("change", () => {
      for (const tick of ticks) tick.checked = all.checked;
    });
  }
  form.addEventListener("change", show);
  show();

  page.addEventListener("click", async (event) => {
    const link = event.target.closest("a[href]");
    const elsewhere = event.button || event.metaKey || event.ctrlKey || event.shiftKey;
    if (!link || elsewhere || link.target || marks() === kept) return;
    event.preventDefault();
    if (await save()) location.assign(link.href);
  });
  page.addEventListener("submit", async (event) => {
    if (event.target === form || marks() === kept) return;
    event.preventDefault();
    if (await save()) event.target.submit();
  });
}

async function follow(part) {
  try {
    const answer = await fetch(location.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("[data-pu-waits]");
    if (!next) return location.reload();
    part.replaceWith(next);
    setTimeout(follow, 1000, next);
  } catch {
    setTimeout(() => location.reload(), 5000);
  }
}
