// Running totals in, rates out: each point of a plot is the difference of two samples.
"use strict";
const EVERY = 5000, MOST_FEATURES = 10;
const figures = document.getElementById("figures");
const canvas = (name) => document.getElementById(name);
const soft = () => ({ color: style("--soft") });
const charts = {
  traffic: plot(canvas("traffic"), "line"),
  latency: plot(canvas("latency"), "line"),
  errors: plot(canvas("errors"), "line"),
  versions: plot(canvas("versions"), "line"),
  drift: plot(canvas("drift"), "bar", {
    indexAxis: "y",
    scales: { x: { beginAtZero: true, suggestedMax: 0.25, grid: { color: style("--line") }, ticks: soft() }, y: { grid: { display: false }, ticks: { ...soft(), autoSkip: false, callback(value) { return short(this.getLabelForValue(value)); } } } },
    plugins: { legend: { position: "bottom", labels: { color: style("--ink"), boxWidth: 12, boxHeight: 12 } }, limits: { axis: "x", lines: [[0.1, "watch"], [0.2, "alarm"]] } },
  }),
  accuracy: plot(canvas("accuracy"), "bar", {
    scales: { y: { min: 0, max: 1, grid: { color: style("--line") }, ticks: { ...soft(), callback: (value) => `${Math.round(100 * value)}%` } }, x: { grid: { display: false }, ticks: soft() } },
  }),
};
Chart.register(LIMITS);
let points = [], range = null, timer = 0, turn = 0;

const short = (text) => text.length > 18 ? `${text.slice(0, 9)}…${text.slice(-8)}` : text;
const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

function clock(seconds) {
  const moment = new Date(seconds * 1000), time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (range === "7d") return moment.toLocaleString([], { weekday: "short", ...time });
  return moment.toLocaleTimeString([], range === "24h" ? time : { ...time, second: "2-digit" });
}

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
  const box = element("div", `${bad ? "bad" : ""} ${value.length > 12 ? "words" : ""}`.trim(), "");
  box.append(element("b", "", value), element("span", "", name));
  return box;
}

// One plot and its table; a sentence in the place of a plot without data.
function show(name, labels, series, empty) {
  const bare = !labels.length || !series.length || series.every(([, values]) => values.every((value) => value === null || value === undefined));
  const note = document.getElementById(`${name}-empty`);
  note.hidden = !bare;
  note.textContent = empty;
  canvas(name).parentElement.hidden = bare;
  draw(charts[name], labels, series);
  fill(document.getElementById(`${name}-table`), [name === "drift" ? "feature" : name === "accuracy" ? "version" : "time", ...series.map(([label]) => label)],
    labels.map((label, place) => [label, ...series.map(([, values]) => values[place] ?? null)]).reverse());
}

function showAll(bounds) {
  const steps = points.slice(1).map((point, place) => between(points[place], point, bounds));
  const now = points[points.length - 1];
  const recent = between(points[Math.max(0, points.length - 13)], now, bounds);
  const names = steps.map((step) => step.time);
  const classes = [...new Set(steps.flatMap((step) => Object.keys(step.requests)))].sort();
  const versions = Object.keys(now.rows).sort();
  const waiting = "The first points come within a few seconds.";
  show("traffic", names, classes.map((status) => [status, steps.map((step) => (step.requests[status] || 0) / step.seconds)]), waiting);
  show("latency", names, ["p50", "p95", "p99"].map((name, place) => [name, steps.map((step) => step.p[place])]), "No predictions in this range.");
  show("errors", names, [["5xx", steps.map((step) => step.errors)]], "No requests in this range.");
  show("versions", names, versions.map((version) => [version, steps.map((step) => step.rows[version] || 0)]), "No predictions yet.");
  const worst = {};
  for (const found of Object.values(now.drift)) for (const [feature, psi] of Object.entries(found)) worst[feature] = Math.max(worst[feature] || 0, psi);
  const features = Object.keys(worst).sort((one, other) => worst[other] - worst[one]).slice(0, MOST_FEATURES);
  show("drift", features, Object.entries(now.drift).map(([version, psi]) => [version, features.map((feature) => psi[feature] ?? null)]), "Not judged yet: it needs DRIFT_ROWS recorded predictions.");
  const judged = [...new Set([...Object.keys(now.trained), ...Object.keys(now.accuracy)])].sort();
  show("accuracy", judged, [["at training", judged.map((version) => now.trained[version] ?? null)], ["live", judged.map((version) => now.accuracy[version] ?? null)]], "A regression has no accuracy: see Performance.");

  const slots = now.gauges.http_worker_slots; // absent where the server does not say it
  const rows = total(recent.rows);
  const share = versions.filter((version) => recent.rows[version] > 0).map((version) => `${version} ${number(100 * recent.rows[version] / rows)}%`);
  figures.replaceChildren(
    tile("requests per second", number(recent.rate)),
    tile("p50 / p99, ms", `${number(recent.p[0])} / ${number(recent.p[2])}`, recent.p[2] > 500),
    tile("server errors", recent.errors === null ? "–" : `${number(recent.errors)}%`, recent.errors > 1),
    tile("in flight / worker slots", `${number(now.gauges.http_requests_in_flight || 0)} / ${slots === undefined ? "?" : number(slots)}`, slots === 0),
    tile("records waiting, s", number(now.gauges.records_lag_seconds || 0), now.gauges.records_lag_seconds > 60),
    tile("records lost", number(now.records.lost || 0), now.records.lost > 0),
    tile(share.length ? "share of the last rows" : "loaded", share.join(", ") || now.models.map((model) => model.model_version).join(", ") || "no model", now.models.length === 0),
  );
  say(`${clock(now.time)}, refreshed every ${EVERY / 1000} s`);
}

// The last rollout: how far it is, and the last verdicts.
function showRollout(rollout) {
  const panel = document.getElementById("rollout");
  panel.hidden = rollout === null;
  if (rollout === null) return;
  const steps = rollout.steps.map((step, place) => place === rollout.step ? `[${number(step)}%]` : `${number(step)}%`).join(" ");
  const counts = `${number(rollout.requests.canary || 0, 6)} requests to it, ${number(rollout.requests.stable || 0, 6)} to ${rollout.stable}`;
  const verdicts = document.createElement("ul");
  verdicts.append(...rollout.measures.map((measure) => element("li", measure.verdict === "worse" ? "bad" : "", `${measure.verdict}: ${measure.text}`)));
  panel.replaceChildren(
    element("h2", ["went back", "going back"].includes(rollout.phase) ? "bad" : "", `Rollout of ${rollout.version}: ${rollout.phase}, ${number(100 * rollout.share)}% of the requests`),
    element("p", "", `Steps ${steps}. ${counts}. By ${rollout.who}, since ${clock(rollout.since)}.${rollout.why ? ` Why: ${rollout.why}.` : ""}`),
    verdicts,
  );
}

async function refresh() {
  const mine = turn;
  try {
    const known = points.findLast((point) => !point.own)?.time ?? 0;
    const answer = await fetchJson(`${figures.dataset.source}?range=${range}&since=${known}`);
    if (mine !== turn) return; // another range was chosen meanwhile
    const last = answer.points.pop();
    // The page's own samples bridge the time since the last of the service's, and stand in where it keeps none.
    const recorded = points.filter((point) => !point.own).concat(answer.points);
    const own = points.filter((point) => point.own && point.time > (recorded.at(-1)?.time ?? 0));
    points = [...recorded, ...(answer.every > 10 ? [] : own), { ...last, own: true }].slice(-720);
    // Counters that went back belong to a service that was started anew.
    const restart = points.findLastIndex((point, place) => place && total(point.requests) < total(points[place - 1].requests));
    if (restart > 0) points = points.slice(restart);
    showAll(answer.bounds);
    showRollout(answer.rollout);
  } catch (error) {
    say(`Not refreshed: ${error.message}.`, true);
  }
  timer = setTimeout(refresh, EVERY);
}

function begin(value) {
  clearTimeout(timer);
  [range, points, turn] = [value, [], turn + 1];
  refresh();
}

const chosen = choose(begin);
chosen.mark(chosen.value || "1h");
begin(chosen.value || "1h");
