"""What is gunicorn's side of the process: a worker class, and gunicorn's own refusals in the service's shape."""
