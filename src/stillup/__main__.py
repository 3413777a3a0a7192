"""``python -m stillup`` is the ``stillup`` command."""

import sys

_INTERRUPTED = 130


def main() -> None:
    """Run it; who interrupts while it is still being loaded gets no traceback either."""
    try:
        from stillup.cli.main import run

        code = run()
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code)


if __name__ == "__main__":
    main()
