"""python -m tests.protocols.oip URL MODEL: exits with 1 where a case fails."""

import argparse
import json
import sys

from tests.protocols.oip.suite import Suite, run


def main() -> int:
    """Run all cases and print a line for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.protocols.oip", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("model")
    parser.add_argument("--row", type=json.loads, default={}, help="a JSON object with a valid value for each input")
    parser.add_argument("--token", default="")
    given = parser.parse_args()
    results = run(Suite(given.url, given.model, given.row, given.token))
    for name, problems in results.items():
        print(f"{'FAIL' if problems else 'ok  '}  {name}" + "".join(f"\n      {problem}" for problem in problems))
    failed = sum(map(bool, results.values()))
    print(f"{len(results)} cases, {failed} failed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
