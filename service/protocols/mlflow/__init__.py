"""MLflow's scoring server, whose /ping and /invocations are also what SageMaker asks of a container.

- ``views``  the routes
- ``forms``  the JSON forms of /invocations, each read into columns by name
"""
