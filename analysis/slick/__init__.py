"""The SliCK study (docs/slick.md): its figures and tables, and the published numbers."""
