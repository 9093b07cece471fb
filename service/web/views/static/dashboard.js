// Running totals in, rates out: each point of a plot is the difference of two samples.
"use strict";
const EVERY = 5000;
const figures = document.getElementById("figures");
const charts = {
  traffic: plot(document.getElementById("traffic"), "line"),
  latency: plot(document.getElementById("latency"), "line"),
  errors: plot(document.getElementById("errors"), "line"),
  versions: plot(document.getElementById("versions"), "line"),
  drift: plot(document.getElementById("drift"), "bar"),
  accuracy: plot(document.getElementById("accuracy"), "bar", {
    scales: { y: { suggestedMin: 0, max: 1, grid: { color: style("--line") }, ticks: { color: style("--soft") } }, x: { ticks: { color: style("--soft") } } },
  }),
};
let points = [];

const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const number = (value, digits = 3) => value === null || Number.isNaN(value) ? "–" : value.toLocaleString([], { maximumSignificantDigits: digits });

// Milliseconds below which a share of the answers stayed; linear within the bucket, as Prometheus does it.
function percentile(bounds, counts, share) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (!all) return null;
  let below = 0;
  for (let place = 0; place < bounds.length; place += 1) {
    if (below + counts[place] >= share * all) {
      const low = place ? bounds[place - 1] : 0;
      return 1000 * (low + (bounds[place] - low) * (share * all - below) / counts[place]);
    }
    below += counts[place];
  }
  return 1000 * bounds[bounds.length - 1];
}

function between(before, after, bounds) {
  const seconds = after.time - before.time;
  const requests = {}, rows = {};
  for (const [status, count] of Object.entries(after.requests)) requests[status] = count - (before.requests[status] || 0);
  for (const [version, count] of Object.entries(after.rows)) rows[version] = (count - (before.rows[version] || 0)) / seconds;
  const latency = after.latency.map((count, place) => count - before.latency[place]);
  return {
    time: clock(after.time), seconds, requests, rows,
    rate: total(requests) / seconds,
    errors: total(requests) ? 100 * (requests["5xx"] || 0) / total(requests) : null,
    p: [0.5, 0.95, 0.99].map((share) => percentile(bounds, latency, share)),
  };
}

function tile(name, value, bad = false) {
  const box = document.createElement("div");
  box.className = `${bad ? "bad" : ""} ${value.length > 12 ? "words" : ""}`;
  box.append(Object.assign(document.createElement("b"), { textContent: value }), Object.assign(document.createElement("span"), { textContent: name }));
  return box;
}

function show(bounds) {
  const steps = points.slice(1).map((point, place) => between(points[place], point, bounds));
  const now = points[points.length - 1];
  const recent = between(points[Math.max(0, points.length - 13)], now, bounds);
  const names = steps.map((step) => step.time);
  const classes = [...new Set(steps.flatMap((step) => Object.keys(step.requests)))].sort();
  const versions = Object.keys(now.rows).sort();
  draw(charts.traffic, names, classes.map((status) => [status, steps.map((step) => (step.requests[status] || 0) / step.seconds)]));
  draw(charts.latency, names, ["p50", "p95", "p99"].map((name, place) => [name, steps.map((step) => step.p[place])]));
  draw(charts.errors, names, [["5xx", steps.map((step) => step.errors)]]);
  draw(charts.versions, names, versions.map((version) => [version, steps.map((step) => step.rows[version] || 0)]));
  const features = [...new Set(Object.values(now.drift).flatMap(Object.keys))];
  draw(charts.drift, features, Object.entries(now.drift).map(([version, psi]) => [version, features.map((feature) => psi[feature] ?? null)]));
  const judged = [...new Set([...Object.keys(now.trained), ...Object.keys(now.accuracy)])].sort();
  draw(charts.accuracy, judged, [["at training", judged.map((version) => now.trained[version] ?? null)], ["live", judged.map((version) => now.accuracy[version] ?? null)]]);

  const slots = now.gauges.http_worker_slots; // absent where the server does not say it
  const rows = total(recent.rows);
  const share = versions.filter((version) => recent.rows[version] > 0).map((version) => `${version} ${number(100 * recent.rows[version] / rows)}%`);
  figures.replaceChildren(
    tile("requests a second", number(recent.rate)),
    tile("p50 / p99, ms", `${number(recent.p[0])} / ${number(recent.p[2])}`, recent.p[2] > 500),
    tile("server errors", recent.errors === null ? "–" : `${number(recent.errors)}%`, recent.errors > 1),
    tile("in flight / worker slots", `${number(now.gauges.http_requests_in_flight || 0)} / ${slots === undefined ? "?" : number(slots)}`, slots === 0),
    tile("records waiting, s", number(now.gauges.records_lag_seconds || 0), now.gauges.records_lag_seconds > 60),
    tile("records lost", number(now.records.lost || 0), now.records.lost > 0),
    tile(share.length ? "share of the last rows" : "loaded", share.join(", ") || now.models.map((model) => model.model_version).join(", ") || "no model", now.models.length === 0),
  );
  say(`${clock(now.time)}, every ${EVERY / 1000} s`);
}

// The last rollout: how far it is, and the last verdicts.
function showRollout(rollout) {
  const panel = document.getElementById("rollout");
  panel.hidden = rollout === null;
  if (rollout === null) return;
  const line = (tag, text, name = "") => Object.assign(document.createElement(tag), { textContent: text, className: name });
  const steps = rollout.steps.map((step, place) => place === rollout.step ? `[${number(step)}%]` : `${number(step)}%`).join(" ");
  const counts = `${number(rollout.requests.canary || 0, 6)} requests to it, ${number(rollout.requests.stable || 0, 6)} to ${rollout.stable}`;
  const verdicts = document.createElement("ul");
  verdicts.append(...rollout.measures.map((measure) => line("li", `${measure.verdict}: ${measure.text}`, measure.verdict === "worse" ? "bad" : "")));
  panel.replaceChildren(
    line("h2", `Rollout of ${rollout.version}: ${rollout.phase}, ${number(100 * rollout.share)}% of the requests`, ["went back", "going back"].includes(rollout.phase) ? "bad" : ""),
    line("p", `Steps ${steps}. ${counts}. By ${rollout.who}, since ${clock(rollout.since)}.${rollout.why ? ` Why: ${rollout.why}.` : ""}`),
    verdicts,
  );
}

async function refresh() {
  try {
    const known = points.findLast((point) => !point.own)?.time ?? 0;
    const answer = await fetchJson(`${figures.dataset.source}?since=${known}`);
    const last = answer.points.pop();
    // The page's own samples bridge the time since the last of the service's, and stand in where it keeps none.
    const recorded = points.filter((point) => !point.own).concat(answer.points);
    const own = points.filter((point) => point.own && point.time > (recorded.at(-1)?.time ?? 0));
    points = [...recorded, ...own, { ...last, own: true }].slice(-720);
    // Counters that went back belong to a service that was started anew.
    const restart = points.findLastIndex((point, place) => place && total(point.requests) < total(points[place - 1].requests));
    if (restart > 0) points = points.slice(restart);
    show(answer.bounds);
    showRollout(answer.rollout);
  } catch (error) {
    say(`Not refreshed: ${error.message}.`, true);
  }
  setTimeout(refresh, EVERY);
}

refresh();
