from typing import Any
def compare_runs(a: Any, b: Any) -> str: return ""
