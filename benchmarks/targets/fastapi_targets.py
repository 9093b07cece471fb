"""The FastAPI twins, under uvicorn and under gunicorn's own ASGI worker."""

from benchmarks.targets.definition import GUNICORN, HERE, Target

SERVE = ("{python}", "-m", "benchmarks.twins.serve")
UVICORN = ("--port", "{port}", "--workers", "{workers}")
ASGI = ("-c", str(HERE / "twins" / "gunicorn_conf.py"), "-k", "asgi", "-b", "127.0.0.1:{port}", "-w", "{workers}")
TUNED, DESIGN = "benchmarks.twins.tuned.routes:app", "benchmarks.twins.fastapi_design.routes:app"

TWINS: tuple[Target, ...] = (
    Target("tuned", "FastAPI twin, tuned, uvicorn", "fastapi", (*SERVE, TUNED, *UVICORN)),
    Target(
        "tuned_one_write",
        "FastAPI twin, tuned, uvicorn changed to send once",
        "fastapi",
        (*SERVE, TUNED, *UVICORN, "--one-write"),
    ),
    Target("tuned_gunicorn", "FastAPI twin, tuned, gunicorn asgi", "fastapi", (*GUNICORN, *ASGI, TUNED)),
    Target(
        "plain",
        "FastAPI plain, uvicorn, nothing recorded",
        "fastapi",
        (*SERVE, "benchmarks.twins.plain:app", *UVICORN),
        {"RECORDS": "off"},
    ),
    Target(
        "fastapi_design",
        "FastAPI design, uvicorn",
        "fastapi",
        (*SERVE, DESIGN, *UVICORN, "--defaults"),
        loops=True,
    ),
    Target(
        "fastapi_design_gunicorn",
        "FastAPI design, gunicorn asgi",
        "fastapi",
        (*GUNICORN, *ASGI, DESIGN),
        loops=True,
    ),
    Target(
        "fastapi_design_loading",
        "FastAPI design, loading per request",
        "fastapi",
        (*SERVE, DESIGN, *UVICORN, "--defaults"),
        {"FASTAPI_DESIGN_LOAD": "request"},
        loops=True,
    ),
)
