from tests.services import redis_server as redis_server
