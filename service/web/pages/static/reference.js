// ReDoc on the document that the page names. Its reports of use are off, and it knows no other host to send them to.
const place = document.getElementById("redoc");
const { init } = await import(place.dataset.script);
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const colours = {
  primary: { main: style("--accent") },
  text: { primary: style("--ink"), secondary: style("--soft") },
  border: { dark: style("--line"), light: style("--line") },
  http: { get: style("--good"), post: style("--accent") },
};
const theme = {
  colors: colours,
  schema: { nestedBackground: style("--ground"), typeNameColor: style("--soft"), typeTitleColor: style("--soft"), requireLabelColor: style("--bad") },
  sidebar: { backgroundColor: style("--ground"), textColor: style("--ink") },
  typography: { links: { color: style("--accent") }, code: { color: style("--bad"), backgroundColor: style("--ground") } },
};
place.textContent = "";
init(place.dataset.document, { disableTelemetry: true, hideLogo: true, ...(dark ? { theme } : {}) }, place);
