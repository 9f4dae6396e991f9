"""The K-shot study (docs/kshot.md): its figures and tables, and the published numbers."""
