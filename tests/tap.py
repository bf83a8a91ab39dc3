"""tap: the few lines that every Python test shares: named cases, one `ok` or `not ok` line each, an exit status."""
import sys
import traceback

CASES = []


def case(function):
    """Registers a test; its name, with spaces for underscores, is what is printed."""
    CASES.append(function)
    return function


def run(*arguments):
    """Runs all cases in order, each with the same arguments, and ends the program: 0 when all passed."""
    failed = 0
    for function in CASES:
        name = function.__name__.replace("_", " ")
        try:
            function(*arguments)
            print(f"ok {name}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {name}", flush=True)
            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
    sys.exit(1 if failed or not CASES else 0)


def equal(got, wanted, what="value"):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, wanted {wanted!r}")
