"""The files that a report has written, so that the next one into the same folder leaves no stale
figure behind. A file of another name or content is somebody else's, and is never removed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

LIST = "report_files.json"  # name -> SHA-256 of every file


class Written:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._names: set[str] = set()

    def path(self, name: str) -> Path:
        """Of a file that is written now."""
        self._names.add(name)
        return self.folder / name

    def finish(self) -> None:
        """Removes what an earlier report wrote and this one did not; lists what this one did."""
        for name, known in self._earlier().items():
            path = self.folder / Path(name).name  # never of another folder
            if name not in self._names and path.is_file() and _hash(path) == known:
                path.unlink()
        found = {name: _hash(self.folder / name) for name in sorted(self._names)}
        (self.folder / LIST).write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")

    def _earlier(self) -> dict[str, str]:
        try:
            found = json.loads((self.folder / LIST).read_text(encoding="utf-8"))
        except (OSError, ValueError):  # none, or somebody else's file of this name
            return {}
        return found if isinstance(found, dict) else {}


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
