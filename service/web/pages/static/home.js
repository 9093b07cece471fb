// The health of the model, and a form that predicts one row.
"use strict";
const form = document.getElementById("row"), answerBox = document.getElementById("answer"), state = document.getElementById("state");
const MOST_CLASSES = 12;

function element(name, className, text) {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

async function showHealth() {
  try {
    const health = await (await fetch(state.dataset.source)).json();
    state.textContent = [health.status, health.reason].filter(Boolean).join(": ");
    state.className = health.status === "healthy" ? "good" : "bad";
  } catch {
    state.textContent = "the service does not answer";
    state.className = "bad";
  }
}

// JSON's own numbers go as they were typed; what is no number goes as text, and the service says what is wrong with it.
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

function valueOf(control) {
  const isNull = control.selectedOptions ? "null" in control.selectedOptions[0].dataset : control.disabled;
  if (isNull) return "null";
  const text = control.value, plain = text.trim();
  if (["number", "integer"].includes(control.dataset.type) && NUMBER.test(plain)) return plain;
  if (control.dataset.type === "boolean") return text;
  return JSON.stringify(text);
}

const controls = form ? [...form.querySelectorAll("[data-name]")] : [];
const body = () => `{${controls.map((control) => `${JSON.stringify(control.dataset.name)}: ${valueOf(control)}`).join(", ")}}`;
const token = () => document.getElementById("token")?.value ?? "";
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function showCommands() {
  const address = new URL(form.dataset.target, location).href, secret = document.getElementById("token") !== null;
  document.getElementById("curl").textContent = [
    `curl -s ${address} \\`,
    ...(secret ? [`  -H "Authorization: Bearer $TOKEN" \\`] : []),
    "  -H 'Content-Type: application/json' \\",
    `  -d ${quoted(body())}`,
  ].join("\n");
  document.getElementById("pandas").textContent = [
    "import requests",
    "rows = df.astype(object).where(df.notna(), None).to_dict(\"records\")  # NaN is null in JSON",
    `answer = requests.post("${address}/batch", json={"instances": rows}${secret ? ", headers={\"Authorization\": f\"Bearer {token}\"}" : ""})`,
    "df[\"prediction\"] = [one[\"prediction\"] for one in answer.json()[\"predictions\"]]",
  ].join("\n");
}

function showErrors(errors) {
  for (const control of controls) {
    const messages = errors[control.dataset.name] || [];
    document.getElementById(`${control.id}-error`).textContent = messages.join(" ");
    control.toggleAttribute("aria-invalid", messages.length > 0);
    if (messages.length) control.setAttribute("aria-invalid", "true");
  }
  controls.find((control) => errors[control.dataset.name])?.focus();
}

function showPrediction(answer) {
  const parts = [element("p", "prediction", String(answer.prediction))];
  if (answer.classes) {
    const found = answer.classes.map((name, place) => [String(name), answer.probabilities[place]]).sort((one, other) => other[1] - one[1]);
    for (const [name, share] of found.slice(0, MOST_CLASSES)) {
      const line = element("div", "class", ""), meter = Object.assign(document.createElement("meter"), { min: 0, max: 1, value: share });
      meter.setAttribute("aria-label", `probability of ${name}`);
      line.append(element("span", "", name), meter, element("span", "", `${(100 * share).toFixed(1)} %`));
      parts.push(line);
    }
    if (found.length > MOST_CLASSES) parts.push(element("p", "fact", `and ${found.length - MOST_CLASSES} less likely classes`));
  }
  parts.push(element("p", "fact", `by ${answer.model_version}, recorded as ${answer.prediction_id}`));
  answerBox.replaceChildren(...parts);
}

async function predict(event) {
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  try {
    const headers = { "Content-Type": "application/json", ...(token() ? { Authorization: `Bearer ${token()}` } : {}) };
    const query = form.dataset.probabilities === "true" ? "?probabilities=true" : "";
    const reply = await fetch(form.dataset.target + query, { method: "POST", headers, body: body() });
    const answer = await reply.json();
    showErrors(answer.errors || {});
    if (reply.ok) showPrediction(answer);
    else {
      const wait = reply.headers.get("Retry-After");
      const advice = reply.status === 401 || reply.status === 403 ? " Give a token that may predict." : wait ? ` Try again in ${wait} s.` : "";
      answerBox.replaceChildren(element("p", "problem", `${answer.title}: ${answer.detail}${advice}`));
    }
  } catch {
    answerBox.replaceChildren(element("p", "problem", "The service does not answer. It may be restarting: try again."));
  }
  button.disabled = false;
}

if (form) {
  for (const box of form.querySelectorAll("[data-null-of]")) {
    const control = document.getElementById(box.dataset.nullOf);
    const follow = () => { control.disabled = box.checked; };
    box.addEventListener("change", follow);
    follow();
  }
  form.addEventListener("submit", predict);
  form.addEventListener("input", showCommands);
  form.addEventListener("change", showCommands);
  showCommands();
}
showHealth();
