"""The load lab: is it worth to move from WSGI to ASGI, on this machine, with this model? See README.md here."""
