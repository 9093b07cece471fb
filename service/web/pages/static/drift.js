// Each feature's two histograms side by side, as shares of their rows.
"use strict";

function shares(counts) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => all ? 100 * count / all : 0);
}

function feature(found, name) {
  const caption = element("figcaption", "", `${name}: `);
  const numbers = found.psi === null ? "" : `, PSI ${number(found.psi)}, p ${found.p_value < 1e-4 ? "< 0.0001" : number(found.p_value, 2)}`;
  caption.append(element("span", `verdict ${found.verdict}`, found.verdict), numbers);
  const made = figureOf(caption, `${name} in training and live`);
  const ticks = { color: style("--soft"), autoSkip: true, maxRotation: 60, callback(value) { const text = this.getLabelForValue(value); return text.length > 14 ? `${text.slice(0, 13)}…` : text; } };
  const percent = { beginAtZero: true, grid: { color: style("--line") }, ticks: { color: style("--soft"), callback: (value) => `${value}%` } };
  const before = shares(found.reference), live = shares(found.live);
  draw(plot(made.canvas, "bar", { scales: { x: { ticks, grid: { display: false } }, y: percent } }), found.bins, [["training", before], ["live", live]]);
  fill(made.table, ["bin", "training, rows", "training, %", "live, rows", "live, %"], found.bins.map((bin, place) => [bin, found.reference[place], before[place], found.live[place], live[place]]));
  return made.figure;
}

function section(version, answer) {
  const heading = element("h2", "", `${version.model_version}: `);
  heading.append(element("span", `verdict ${version.verdict}`, version.verdict));
  const read = version.truncated ? `the newest ${number(version.rows, 6)} live rows` : `${number(version.rows, 6)} live rows`;
  const fact = element("p", "fact", version.reason || `${read} of the last ${answer.window} against training; fewer than ${answer.minimum_rows} are not judged. Watch from PSI ${answer.thresholds.watch}, alarm from ${answer.thresholds.alarm}, both only with p below ${answer.thresholds.p_value}.`);
  const plots = element("section", "plots", "");
  for (const found of version.features) plots.append(feature(found, found.name));
  if (version.prediction) plots.append(feature(version.prediction, "the prediction"));
  return [heading, fact, plots];
}

showVersions(section);
