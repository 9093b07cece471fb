// Shared by the pages with plots: colours that colour-blind people can distinguish, axes, tables, choices.
"use strict";
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#7a6a00"];
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (place) => COLOURS[place % COLOURS.length];
const number = (value, digits = 3) => value === null || value === undefined || Number.isNaN(value) ? "–" : value.toLocaleString([], { maximumSignificantDigits: digits });

function say(text, bad = false) {
  const state = document.getElementById("state");
  state.textContent = text;
  state.classList.toggle("bad", bad);
}

function element(name, className, text) {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

// The JSON at an address; what to do about an error is part of its message.
async function fetchJson(address) {
  let answer;
  try {
    answer = await fetch(address, { headers: { Accept: "application/json" } });
  } catch {
    throw new Error("the service does not answer; it may be restarting");
  }
  if (answer.status === 401 || answer.status === 403) throw new Error("the token does not allow it; reload the page and give one with the scope observe");
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail || `the service answers ${answer.status}`);
  return answer.json();
}

// Mark the choice that the address has, the first one otherwise, and call ``changed`` with each new one.
function choose(changed) {
  const group = document.querySelector(".choices"), buttons = [...group.querySelectorAll("button")];
  const mark = (value) => buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.value === value)));
  const name = group.dataset.name, address = new URL(location);
  const wanted = address.searchParams.get(name);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      address.searchParams.set(name, button.value);
      history.replaceState(null, "", address);
      mark(button.value);
      changed(button.value);
    });
  }
  mark(wanted);
  return { value: wanted, mark };
}

function plot(canvas, type, options = {}) {
  const axis = { grid: { color: style("--line") }, ticks: { color: style("--soft"), maxRotation: 0, autoSkip: true, maxTicksLimit: 6, callback(value) { return this.type === "category" ? this.getLabelForValue(value) : number(value); } } };
  return new Chart(canvas, {
    type,
    data: { labels: [], datasets: [] },
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      elements: { point: { radius: 1.5 }, line: { borderWidth: 2 } },
      scales: { x: axis, y: { ...axis, beginAtZero: true } },
      plugins: { legend: { position: "bottom", labels: { color: style("--ink"), boxWidth: 12, boxHeight: 12 } } },
      ...options,
    },
  });
}

// Series as [[name, values], ...]; a plot keeps its datasets, so that one that was hidden stays hidden.
function draw(chart, labels, series) {
  chart.data.labels = labels;
  chart.data.datasets = series.map(([label, data], place) => ({
    ...(chart.data.datasets.find((known) => known.label === label) || {}),
    label, data, borderColor: colour(place), backgroundColor: colour(place), maxBarThickness: 36,
  }));
  chart.options.plugins.legend.display = series.length > 1;
  chart.update();
}

function fill(table, heads, rows) {
  const head = document.createElement("thead"), line = head.insertRow();
  for (const text of heads) line.append(Object.assign(element("th", "", text), { scope: "col" }));
  const body = document.createElement("tbody");
  for (const [name, ...cells] of rows) {
    const row = body.insertRow();
    row.append(Object.assign(element("th", "", name), { scope: "row" }));
    for (const cell of cells) row.insertCell().textContent = typeof cell === "string" ? cell : number(cell, 4);
  }
  table.replaceChildren(head, body);
}

// A figure with a canvas and its numbers as a table.
function figureOf(caption, label) {
  const figure = document.createElement("figure"), frame = element("div", "canvas", ""), canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${label}; the table below has the numbers`);
  const details = element("details", "numbers", ""), scroll = element("div", "scroll", ""), table = document.createElement("table");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", label);
  scroll.append(table);
  details.append(element("summary", "", "As a table"), scroll);
  frame.append(canvas);
  figure.append(caption, frame, details);
  return { figure, canvas, table, frame };
}

// Dashed lines across a plot, at values of its axis: [[value, label], ...].
const LIMITS = {
  id: "limits",
  afterDatasetsDraw(chart, _, { axis, lines }) {
    const scale = chart.scales[axis], { left, right, top, bottom } = chart.chartArea, pen = chart.ctx;
    for (const [value, label] of lines || []) {
      const place = scale.getPixelForValue(value);
      if (value > scale.max) continue;
      pen.save();
      pen.strokeStyle = pen.fillStyle = style("--bad");
      pen.setLineDash([4, 3]);
      pen.beginPath();
      pen.moveTo(axis === "x" ? place : left, axis === "x" ? top : place);
      pen.lineTo(axis === "x" ? place : right, axis === "x" ? bottom : place);
      pen.stroke();
      pen.font = "11px system-ui";
      pen.textAlign = "right";
      pen.fillText(label, axis === "x" ? place - 4 : right - 4, axis === "x" ? top + 10 : place - 4);
      pen.restore();
    }
  },
};

// A page of versions: fetch what the element of that name points to, and show the ``section`` of each version.
function showVersions(section) {
  const versions = document.getElementById("versions");
  async function show() {
    say("Loading ...");
    try {
      const answer = await fetchJson(versions.dataset.source + location.search);
      chosen.mark(answer.window);
      versions.replaceChildren(...answer.versions.flatMap((version) => section(version, answer)));
      if (!answer.versions.length) versions.append(element("p", "note", `Nothing was predicted in the last ${answer.window}. Send predictions, or choose a longer time.`));
      say(`as of ${new Date(answer.until).toLocaleString()}`);
    } catch (error) {
      say(`Not loaded: ${error.message}.`, true);
    }
  }
  const chosen = choose(show);
  show();
}
