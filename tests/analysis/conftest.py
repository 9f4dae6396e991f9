"""Puts the repository root on the path, so that `analysis` is found however pytest is started."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
