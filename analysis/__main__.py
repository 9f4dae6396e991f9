"""The commands of factsweep-report (or python -m analysis): report, points, deltas, compare.

Exit codes: 0 done (compare: identical), 1 different, 2 bad input.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .store import StoreError

COMMAND = "factsweep-report"  # once it is installed


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog=COMMAND if Path(sys.argv[0]).stem == COMMAND else "python -m analysis",
        description="Figures and tables of factsweep files.",
    )
    commands = top.add_subparsers(required=True)
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
    report.set_defaults(run=_report)

    points = commands.add_parser(
        "points", help="one table, a row a point with every column; several files are joined"
    )
    points.add_argument("files", type=Path, metavar="FILE", nargs="+")
    points.add_argument(
        "--output", type=Path, metavar="TABLE", help="NAME.csv or .parquet; default: CSV on stdout"
    )
    points.set_defaults(run=_points)

    deltas = commands.add_parser(
        "deltas", help="norms, cosines and effective ranks of what FILE's trainings changed"
    )
    deltas.add_argument(
        "file", type=Path, metavar="FILE", help="NAME.h5, NAME.weights.h5 beside it"
    )
    deltas.add_argument(
        "--output", type=Path, metavar="DIR", help="default: FILE without suffix + _deltas"
    )
    deltas.add_argument(
        "--pairs",
        choices=("all", "one_axis", "none"),
        default="all",
        help="cosines between all points, or those that differ on one axis alone",
    )
    deltas.add_argument(
        "--no-rank", action="store_true", help="no effective ranks, which take longest"
    )
    deltas.set_defaults(run=_deltas)

    compare = commands.add_parser("compare", help="differences of two files of one study")
    compare.add_argument("a", type=Path, metavar="A")
    compare.add_argument("b", type=Path, metavar="B")
    compare.add_argument(
        "--metric", metavar="NAME", help="shown by method and axis; default: the first that differs"
    )
    compare.add_argument(
        "--figure", type=Path, metavar="PNG", help="tables go beside it; default: A_vs_B.png at A"
    )
    compare.add_argument("--no-figure", action="store_true", help="print only")
    compare.set_defaults(run=_compare)
    return top


def _count(word: str) -> int:
    if not word.isdigit() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"'{word}' is no whole number from 1 on")
    return int(word)


# What a command needs is imported when it runs: matplotlib only where figures are drawn.


def _report(options: argparse.Namespace) -> int:
    from .report import report

    report(options.file, options.output, options.published, options.parts)
    return 0


def _points(options: argparse.Namespace) -> int:
    from .points import write_points

    write_points(options.files, options.output)
    return 0


def _deltas(options: argparse.Namespace) -> int:
    from .deltas import deltas

    deltas(options.file, options.output, options.pairs, not options.no_rank)
    return 0


def _compare(options: argparse.Namespace) -> int:
    from .compare import compare

    default = options.a.with_name(f"{options.a.stem}_vs_{options.b.stem}.png")
    figure = None if options.no_figure else options.figure or default
    return 0 if compare(options.a, options.b, figure, options.metric) else 1


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (StoreError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
