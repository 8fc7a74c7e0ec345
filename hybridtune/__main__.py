"""Run line: `python -m hybridtune --help`, where the `hybridtune` command is not on the path."""

from hybridtune.cli import main

if __name__ == "__main__":
    main()
