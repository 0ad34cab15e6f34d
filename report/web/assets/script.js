// The pages work without this script. It applies the filter while the user types,
// updates the list and the page of an endpoint, and copies certificates. To update a
// page, it fetches it again and replaces its parts. That never starts a probe.
"use strict";

const interval = () => document.getElementById("progress") ? 1_000 : 15_000; // ms

let latest = 0;

async function load(url, parts) {
  const mine = ++latest;
  const response = await fetch(url, { headers: { Accept: "text/html" } });
  if (!response.ok || mine !== latest) return false;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (mine !== latest) return false;
  const focused = selectorOf(document.activeElement);
  for (const part of parts) {
    const old = document.querySelector(part), fresh = page.querySelector(part);
    if (old && fresh) replace(old, fresh);
    else if (old) old.remove();
    else if (fresh) document.querySelector(".table").after(fresh);
  }
  if (focused) document.querySelector(focused)?.focus({ preventScroll: true });
  return true;
}

// selectorOf finds an element again after its part was replaced; null: that is not needed.
function selectorOf(element) {
  if (!element || !element.closest("main")) return null;
  if (element.id) return "#" + CSS.escape(element.id);
  if (element.matches("details[id] > summary")) return `#${CSS.escape(element.parentElement.id)} > summary`;
  const link = element.getAttribute("href");
  return link && `main a[href="${CSS.escape(link)}"]`;
}

// replace keeps what the user has opened, closed and scrolled.
function replace(old, fresh) {
  for (const details of old.querySelectorAll("details[data-set]")) {
    const next = fresh.querySelector("#" + CSS.escape(details.id));
    if (next) [next.open, next.dataset.set] = [details.open, "true"];
  }
  const scrolled = [...old.querySelectorAll("pre[id]")].map(pre => [pre.id, pre.scrollTop, pre.scrollLeft]);
  old.replaceWith(fresh);
  for (const [id, top, left] of scrolled) document.getElementById(id)?.scrollTo(left, top);
}

document.addEventListener("click", event => {
  const details = event.target.closest("details[id] > summary")?.parentElement;
  if (details) details.dataset.set = "true";
});

// update updates a page while somebody may be looking at it, and not selecting text.
function update(address, parts, then) {
  const refresh = () => {
    if (!document.hidden && !getSelection().toString()) {
      load(address(), parts).then(done => { if (done) then?.(); }).catch(() => {});
    }
    setTimeout(refresh, interval());
  };
  setTimeout(refresh, interval());
}

const filter = document.getElementById("filter");
if (filter) {
  const parts = [".totals", "#all", "#endpoints", "#found", ".pages"];
  const address = () => {
    const fields = [...new FormData(filter)].filter(([, value]) => value !== "");
    return "./" + (fields.length ? "?" + new URLSearchParams(fields) : "");
  };
  let typing;
  filter.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      const url = address();
      load(url, parts).then(done => { if (done) history.replaceState(null, "", url); }).catch(() => {});
    }, 150);
  });
  update(() => location.href, parts);
}

const endpoint = document.querySelector("#endpoint[data-refresh]");
if (endpoint) {
  equip();
  update(() => endpoint.dataset.refresh, ["#endpoint"], equip);
}

// equip makes the buttons of the page of an endpoint work, and writes the address of its
// badge as this page was reached.
function equip() {
  const badge = document.getElementById("badge");
  badge.textContent = badge.textContent.replace("http://exporter:10443/", new URL("./", location.href).href);
  document.getElementById("fresh")?.addEventListener("click", () => {
    document.getElementById("main").setAttribute("aria-busy", "true");
  });
  const button = document.getElementById("copy");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copies);
    const copied = await copy(source).catch(() => false);
    document.getElementById("copied").textContent = copied ? "Copied" : "Copy the text below";
    if (!copied) source.closest("details").open = true;
  });
}

// copy copies the text of an element. Browsers have a clipboard only for pages from
// localhost or over HTTPS.
async function copy(source) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  }
  const details = source.closest("details"), open = details.open;
  details.open = true; // hidden text cannot be selected
  getSelection().selectAllChildren(source);
  const copied = document.execCommand("copy");
  getSelection().removeAllRanges();
  details.open = open;
  return copied;
}
