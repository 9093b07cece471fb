"""Fixtures for the tests of deploy/."""

from tests.services import nginx as nginx
