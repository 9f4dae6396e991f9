"""What files of records lost, in any study that reads some: /sources."""

from __future__ import annotations

from .store import Data, Group
from .sweep import Sweep
from .table import Table


class Sources(Group, path="sources"):
    """One row a reason why records of the files were left out, or are named. May be absent."""

    name: Data
    fate: Data
    reason: Data
    records: Data
    first: Data  # file and line


def source_table(sweep: Sweep) -> Table | None:
    """Records of the files that are bad, asked again, or in the test; None without such."""
    group = sweep.group(Sources)
    if group.name is None:
        return None
    table = Table("sources", "Records of the files that were left out, or are asked more than once")
    table.fill(
        data=group.name,
        records=group.records,
        are=group.fate,
        reason=group.reason,
        first_of_them=group.first,
    )
    return table
