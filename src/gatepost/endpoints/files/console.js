// What the console has more of with scripts: copying, menus that close, a list that keeps itself fresh, shortcuts.
const said = document.getElementById("said");

for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    said.textContent = button.dataset.done;
    setTimeout(() => (said.textContent = ""), 3000);
  });
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

const live = document.querySelector("[data-live]");
if (live)
  setInterval(async () => {
    const answer = await fetch(location.href);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(live.id);
    if (answer.ok && fresh) live.replaceChildren(...fresh.childNodes);
  }, 5000);

let before = "";
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  const isTyping = event.target.closest("input, textarea, select");
  if (!("shortcuts" in document.body.dataset) || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const place = before === "g" && document.querySelector(`.side a[data-key="${CSS.escape(event.key)}"]`);
  if (place) place.click();
  else if (event.key === "/") {
    event.preventDefault();
    document.getElementById("search").focus();
  } else if (event.key === "?") document.getElementById("help").click();
  before = event.key;
});

// Where a bar of links is wider than the screen, the one of this page comes to its middle.
for (const here of document.querySelectorAll("nav li > [aria-current]")) {
  const bar = here.closest("ul"), around = bar.getBoundingClientRect(), place = here.getBoundingClientRect();
  bar.scrollLeft += place.x + place.width / 2 - around.x - around.width / 2;
}
