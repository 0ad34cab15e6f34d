// The pages work without this script. It applies the filter while the user
// types, and updates the list: it fetches the page again and replaces its parts.
"use strict";

const parts = [".totals", "#all", "#endpoints", "#found", ".pages"];
const interval = () => document.getElementById("progress") ? 1_000 : 15_000; // ms

let latest = 0;

async function load(url, remember) {
  const mine = ++latest;
  const response = await fetch(url, { headers: { Accept: "text/html" } });
  if (!response.ok || mine !== latest) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (mine !== latest) return;
  const focused = document.activeElement?.getAttribute("href");
  for (const part of parts) {
    const old = document.querySelector(part), fresh = page.querySelector(part);
    if (old && fresh) old.replaceWith(fresh);
    else if (old) old.remove();
    else if (fresh) document.querySelector(".table").after(fresh);
  }
  if (focused) document.querySelector(`main a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  if (remember) history.replaceState(null, "", url);
}

const filter = document.getElementById("filter");
if (filter) {
  const address = () => {
    const fields = [...new FormData(filter)].filter(([, value]) => value !== "");
    return "./" + (fields.length ? "?" + new URLSearchParams(fields) : "");
  };
  let typing;
  filter.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => load(address(), true).catch(() => {}), 150);
  });
  const refresh = () => {
    if (!document.hidden && !getSelection().toString()) load(location.href, false).catch(() => {});
    setTimeout(refresh, interval());
  };
  setTimeout(refresh, interval());
}

document.getElementById("fresh")?.addEventListener("click", () => {
  document.getElementById("main").setAttribute("aria-busy", "true");
});

// The address of the badge, as this page was reached.
const badge = document.getElementById("badge");
if (badge) badge.textContent = badge.textContent.replace("http://exporter:10443/", new URL("./", location.href).href);
