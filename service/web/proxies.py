"""TRUSTED_PROXIES: whose word about the client's address is taken."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix


def trust(app: Flask, hops: int) -> None:
    """Take the client's address from X-Forwarded-For, as the last of ``hops`` trusted proxies saw it.

    Every proxy appends the address it was called from, so the entry that counts is the one ``hops`` from the right:
    what a client writes there itself stands further left and is never believed. Nothing else is taken from a proxy:
    the service needs neither host nor scheme.
    """
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=0, x_host=0)  # type: ignore[method-assign] # as Flask's manual says
