"""The FastAPI design as it is written (docs/fastapi-design.md); open points as its readers would fill them."""
