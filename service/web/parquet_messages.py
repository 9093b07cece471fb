"""How a worker and its Parquet process talk: the process imports pyarrow, the worker does so for no other reason."""

import struct

SOCKET = "PARQUET_SOCKET"
"""The environment variable with the number of the socket."""
HEAD = struct.Struct("<QQ")
"""Before each message: the bytes of its JSON, and of what follows it."""
