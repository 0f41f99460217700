// Counts down to the end of an impersonation. Without it the banner tells the moment only.
(() => {
  const root = document.querySelector("[data-platform-users-banner]")?.shadowRoot;
  const time = root?.querySelector("time");
  const left = root?.querySelector(".left");
  if (!time || !left) return;
  const end = Date.parse(time.dateTime);
  const show = () => {
    const seconds = Math.max(0, Math.round((end - Date.now()) / 1000));
    const two = (number) => String(number).padStart(2, "0");
    left.textContent = `(${Math.floor(seconds / 60)}:${two(seconds % 60)} left)`;
    if (seconds > 0) setTimeout(show, 1000);
  };
  show();
})();
