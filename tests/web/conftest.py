from tests.services import nginx as nginx
from tests.services import redis_server as redis_server
