"""``python -m stillup`` is the ``stillup`` command."""

from stillup.cli.main import main

if __name__ == "__main__":
    main()
