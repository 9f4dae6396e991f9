"""The SliCK study (docs/slick.md): what its figures and tables show, and the published numbers."""

from . import report

__all__ = ["report"]
