"""The FastAPI twins, under uvicorn and under gunicorn's own ASGI worker."""

from benchmarks.rows.row import GUNICORN, HERE, Row

SERVE = ("{python}", "-m", "benchmarks.twins.serve")
UVICORN = ("--port", "{port}", "--workers", "{workers}")
ASGI = ("-c", str(HERE / "twins" / "gunicorn_conf.py"), "-k", "asgi", "-b", "127.0.0.1:{port}", "-w", "{workers}")
TUNED, DESIGNED = "benchmarks.twins.tuned.app:app", "benchmarks.twins.as_designed.app:app"

TWINS: tuple[Row, ...] = (
    Row("tuned", "FastAPI twin, tuned, uvicorn", "fastapi", (*SERVE, TUNED, *UVICORN)),
    Row(
        "tuned_one_write",
        "FastAPI twin, tuned, uvicorn changed to send once",
        "fastapi",
        (*SERVE, TUNED, *UVICORN, "--one-write"),
    ),
    Row("tuned_gunicorn", "FastAPI twin, tuned, gunicorn asgi", "fastapi", (*GUNICORN, *ASGI, TUNED)),
    Row(
        "plain",
        "FastAPI plain, uvicorn, nothing recorded",
        "fastapi",
        (*SERVE, "benchmarks.twins.plain:app", *UVICORN),
        {"RECORDS": "off"},
    ),
    Row(
        "as_designed",
        "FastAPI as the seed writes it, uvicorn",
        "fastapi",
        (*SERVE, DESIGNED, *UVICORN, "--defaults"),
        loops=True,
    ),
    Row(
        "as_designed_gunicorn",
        "FastAPI as the seed writes it, gunicorn asgi",
        "fastapi",
        (*GUNICORN, *ASGI, DESIGNED),
        loops=True,
    ),
    Row(
        "as_designed_loading",
        "FastAPI as the seed writes it, loading per request",
        "fastapi",
        (*SERVE, DESIGNED, *UVICORN, "--defaults"),
        {"AS_DESIGNED_LOAD": "request"},
        loops=True,
    ),
)
