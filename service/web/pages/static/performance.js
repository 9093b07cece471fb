// Each version's measures on live data, its confusion and its calibration.
"use strict";
const MEASURES = { accuracy: "accuracy", log_loss: "log loss", rmse: "RMSE", mae: "MAE", mean_error: "mean error (predicted minus true)" };

function tile(name, value) {
  const box = document.createElement("div");
  box.append(element("b", "", value), element("span", "", name));
  return box;
}

function confusion({ labels, matrix }) {
  const figure = document.createElement("figure"), scroll = element("div", "scroll", ""), table = element("table", "confusion", "");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "Confusion");
  fill(table, ["true \\ predicted", ...labels.map(String)], labels.map((label, row) => [String(label), ...matrix[row].map((count) => count.toLocaleString())]));
  [...table.tBodies[0].rows].forEach((row, place) => {
    const all = matrix[place].reduce((sum, count) => sum + count, 0);
    [...row.cells].slice(1).forEach((cell, column) => cell.style.setProperty("--share", all ? matrix[place][column] / all : 0));
  });
  scroll.append(table);
  figure.append(element("figcaption", "", "Confusion: rows are the truth, columns the prediction"), scroll);
  return figure;
}

function calibration({ bins, expected_error: error }) {
  const made = figureOf(element("figcaption", "", `Calibration: expected error ${number(error)}`), "Calibration");
  const names = bins.map((bin) => `${Math.round(100 * bin.from)}–${Math.round(100 * bin.to)}%`);
  const percent = { min: 0, max: 1, grid: { color: style("--line") }, ticks: { color: style("--soft"), callback: (value) => `${Math.round(100 * value)}%` } };
  const chart = plot(made.canvas, "bar", { scales: { x: { ticks: { color: style("--soft") }, grid: { display: false } }, y: percent } });
  draw(chart, names, [["mean probability", bins.map((bin) => bin.mean_probability)], ["share that was right", bins.map((bin) => bin.accuracy)]]);
  fill(made.table, ["probability", "rows", "mean probability", "share that was right"], bins.map((bin, place) => [names[place], bin.count, bin.mean_probability, bin.accuracy]));
  return made.figure;
}

function section(version, answer) {
  const parts = [element("h2", "", version.model_version)];
  if (!version.outcomes) {
    parts.push(element("p", "note", `${number(version.predictions, 6)} rows were predicted in the last ${answer.window}, and no outcome of them is known. Send outcomes to POST /feedback with the prediction_id.`));
    return parts;
  }
  const tiles = element("section", "figures", "");
  tiles.append(tile("predicted rows", number(version.predictions, 6)), tile(version.truncated ? "outcomes read, the newest" : "known outcomes", number(version.outcomes, 6)));
  for (const [name, label] of Object.entries(MEASURES)) if (typeof version[name] === "number") tiles.append(tile(label, number(version[name], 4)));
  const plots = element("section", "plots", "");
  if (version.confusion) plots.append(confusion(version.confusion));
  if (version.calibration) plots.append(calibration(version.calibration));
  return [...parts, tiles, plots];
}

showVersions(section);
