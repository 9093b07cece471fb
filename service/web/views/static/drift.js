// Each feature's two histograms side by side, as shares of their rows.
"use strict";
const versions = document.getElementById("versions");

function element(name, className, text) {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

function shares(counts) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => all ? 100 * count / all : 0);
}

function feature(found, name) {
  const figure = document.createElement("figure");
  const caption = element("figcaption", "", `${name}: `);
  const numbers = found.psi === null ? "" : `, PSI ${found.psi.toPrecision(3)}, p ${found.p_value < 1e-4 ? "< 0.0001" : found.p_value.toPrecision(2)}`;
  caption.append(element("span", `verdict ${found.verdict}`, found.verdict), numbers);
  const frame = document.createElement("div"), canvas = document.createElement("canvas");
  canvas.setAttribute("aria-label", `${name} in training and live`);
  frame.append(canvas);
  figure.append(caption, frame);
  const ticks = { color: style("--soft"), autoSkip: true, maxRotation: 60 };
  const percent = { beginAtZero: true, grid: { color: style("--line") }, ticks: { color: style("--soft"), callback: (value) => `${value}%` } };
  const chart = plot(canvas, "bar", { scales: { x: { ticks, grid: { display: false } }, y: percent } });
  draw(chart, found.bins, [["training", shares(found.reference)], ["live", shares(found.live)]]);
  return figure;
}

async function show() {
  try {
    const answer = await fetchJson(versions.dataset.source + location.search);
    for (const version of answer.versions) {
      const heading = element("h2", "", `${version.model_version}: `);
      heading.append(element("span", `verdict ${version.verdict}`, version.verdict));
      const fact = element("p", "fact", version.reason || `${version.rows.toLocaleString()} live rows of the last ${answer.window} against training; fewer than ${answer.minimum_rows} are not judged. Watch from PSI ${answer.thresholds.watch}, alarm from ${answer.thresholds.alarm}, both only with p below ${answer.thresholds.p_value}.`);
      const plots = element("section", "plots", "");
      versions.append(heading, fact, plots);
      for (const found of version.features) plots.append(feature(found, found.name));
      if (version.prediction) plots.append(feature(version.prediction, "the prediction"));
    }
    if (!answer.versions.length) versions.append(element("p", "fact", `Nothing was predicted in the last ${answer.window}.`));
    say(new Date(answer.until).toLocaleString());
  } catch (error) {
    say(`Not loaded: ${error.message}.`, true);
  }
}

show();
