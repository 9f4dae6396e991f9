"""The F-Learning study (docs/flearning.md): its figures and tables, and the published numbers."""
