// Counts down to the end of an impersonation. Without it the banner tells the moment only.
(() => {
  const root = document.querySelector("[data-platform-users-banner]")?.shadowRoot;
  const time = root?.querySelector("time");
  const shown = root?.querySelector(".left");
  if (!time || !shown) return;
  // The server says how much is left: the clock of this machine may be wrong.
  const end = Date.now() + 1000 * Number(time.dataset.left);
  const show = () => {
    const seconds = Math.max(0, Math.round((end - Date.now()) / 1000));
    const two = (number) => String(number).padStart(2, "0");
    const left = `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
    shown.textContent = seconds ? shown.dataset.left.replace("{time}", left) : shown.dataset.over;
    if (seconds) setTimeout(show, 1000);
  };
  show();
  root.querySelector(".bar").classList.add("counting");
})();
