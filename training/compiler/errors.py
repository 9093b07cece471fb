"""What the compiler says of a step that it does not know."""


class NotCompilable(Exception):
    """The pipeline cannot be compiled exactly; the message names the step and says why."""

    def __init__(self, step: object, reason: str) -> None:
        name = step if isinstance(step, str) else type(step).__name__
        super().__init__(f"{name}: {reason}")
