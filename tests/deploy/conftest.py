"""What the tests of deploy/ need."""

from tests.services import nginx as nginx
