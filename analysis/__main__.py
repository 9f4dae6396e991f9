"""factsweep-report (or python -m analysis) report FILE | compare A B.

Exit codes: 0 done (compare: identical), 1 different, 2 bad input.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .store import StoreError

COMMAND = "factsweep-report"  # once it is installed


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog=COMMAND if Path(sys.argv[0]).stem == COMMAND else "python -m analysis",
        description="Figures and tables of factsweep files.",
    )
    commands = top.add_subparsers(dest="command", required=True)
    report = commands.add_parser(
        "report", help="every figure and table of a results file, and one HTML page"
    )
    report.add_argument("file", type=Path, metavar="FILE")
    report.add_argument(
        "--output", type=Path, metavar="DIR", help="default: FILE without suffix + _report"
    )
    help_ = "papers' numbers beside ours, also where data or metric are not the paper's"
    report.add_argument(
        "--parts", type=_count, default=6, metavar="N", help="of the sweep to show (default: 6)"
    )
    report.add_argument("--published", action="store_true", help=help_)
    compare = commands.add_parser("compare", help="differences of two files of one study")
    compare.add_argument("a", type=Path, metavar="A")
    compare.add_argument("b", type=Path, metavar="B")
    compare.add_argument("--figure", type=Path, metavar="PNG", help="default: A_vs_B.png beside A")
    compare.add_argument("--no-figure", action="store_true", help="print only")
    return top


def _count(word: str) -> int:
    if not word.isdigit() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"'{word}' is no whole number from 1 on")
    return int(word)


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        if options.command == "report":
            from .report import report  # matplotlib is imported only where figures are drawn

            report(options.file, options.output, options.published, options.parts)
            return 0
        from .compare import compare

        default = options.a.with_name(f"{options.a.stem}_vs_{options.b.stem}.png")
        figure = None if options.no_figure else options.figure or default
        return 0 if compare(options.a, options.b, figure) else 1
    except (StoreError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
