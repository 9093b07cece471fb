// Shared by both pages: colours that colour-blind people can distinguish, and unobtrusive axes.
"use strict";
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#7a6a00"];
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (number) => COLOURS[number % COLOURS.length];

function say(text, bad = false) {
  const state = document.getElementById("state");
  state.textContent = text;
  state.classList.toggle("bad", bad);
}

async function fetchJson(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`the service answers ${answer.status}`);
  return answer.json();
}

function plot(canvas, type, options = {}) {
  const axis = { grid: { color: style("--line") }, ticks: { color: style("--soft"), maxRotation: 0, autoSkip: true, maxTicksLimit: type === "bar" ? 24 : 6 } };
  const still = { animation: false, responsive: true, maintainAspectRatio: false };
  const labels = { color: style("--ink"), boxWidth: 12, boxHeight: 12 };
  return new Chart(canvas, {
    type,
    data: { labels: [], datasets: [] },
    options: {
      ...still,
      interaction: { mode: "index", intersect: false },
      elements: { point: { radius: 1.5 }, line: { borderWidth: 2 } },
      scales: { x: axis, y: { ...axis, beginAtZero: true } },
      plugins: { legend: { position: "bottom", labels } },
      ...options,
    },
  });
}

// Series as [[name, values], ...]; a plot keeps its datasets, so that one that was hidden stays hidden.
function draw(chart, labels, series) {
  chart.data.labels = labels;
  chart.data.datasets = series.map(([label, data], number) => ({
    ...(chart.data.datasets.find((known) => known.label === label) || {}),
    label, data, borderColor: colour(number), backgroundColor: colour(number), maxBarThickness: 48,
  }));
  chart.options.plugins.legend.display = series.length > 1;
  chart.update();
}
