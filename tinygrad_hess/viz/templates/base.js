"use strict";
// What both pages share: data, the drawing, light and dark. Text from outside is only ever set as
// textContent.
const $ = id => document.getElementById(id);
const data = JSON.parse($("data").textContent);

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = theme === "dark" ? "Light" : "Dark";
}
setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
$("theme").addEventListener("click", () =>
  setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));

// The vertices and edges of an SVG that Graphviz wrote: its elements hold their names as titles.
function parts(svg) {
  const nodes = new Map(), edges = new Map(), clusters = new Map();
  for (const g of svg.querySelectorAll("g.node, g.edge, g.cluster")) {
    const title = g.querySelector("title"), name = title.textContent;
    title.textContent = "";  // else it shows as a tooltip
    (g.classList.contains("node") ? nodes : g.classList.contains("edge") ? edges : clusters).set(name, g);
  }
  return { nodes, edges, clusters };
}

// What long names make scroll can be reached by keys.
function reachable() {
  for (const e of document.querySelectorAll("h1, h2, figcaption")) {
    if (e.scrollHeight > e.clientHeight) e.tabIndex = 0;
    else e.removeAttribute("tabindex");
  }
}
new MutationObserver(reachable).observe(document.body, { childList: true, subtree: true, characterData: true });
addEventListener("resize", reachable);

function element(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}
