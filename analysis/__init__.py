"""Figures, tables and comparisons from factsweep result files (layout: docs/layout.md)."""
