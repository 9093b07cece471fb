// ReDoc on the document that the page names. Its reports of use are off, and it knows no other host to send them to.
const place = document.getElementById("redoc");
const { init } = await import(place.dataset.script);
place.textContent = "";
init(place.dataset.document, { disableTelemetry: true, hideLogo: true }, place);
