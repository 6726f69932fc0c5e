"""What `pgbackrest verify --output=text --verbose` tells of a repository. Pure.

It ends with exit code 0 whatever it found, and without an output that was asked for it says
nothing at all. So only a complete positive answer counts.
"""

from __future__ import annotations

import re

_STATUS = re.compile(r"^status: (\S+)", re.MULTILINE)
_BACKUP = re.compile(
    r"^ +backup: (\S+), status: ([^,]+), total files checked: (\d+), total valid files: (\d+)",
    re.MULTILINE,
)
_ARCHIVE = re.compile(
    r"^ +archiveId: (\S+), total WAL checked: (\d+), total valid WAL: (\d+)", re.MULTILINE
)


def unreadable(report: str, label: str) -> str:
    """Why the repository does not count as sound, in a clause; empty when it does.

    Every backup in it has to be valid, and `label` has to be one of them.
    """
    if not report.strip():
        return "pgbackrest verify said nothing"
    backups = {name: tuple(rest) for name, *rest in _BACKUP.findall(report)}
    wrong = [f"backup {name} is {state}" for name, (state, *_) in backups.items()
             if state != "valid"]  # fmt: skip
    wrong += [
        f"{valid} of {checked} files of backup {name} are valid"
        if int(checked)
        else f"no file of backup {name} was read"
        for name, (_, checked, valid) in backups.items()
        if checked != valid or not int(checked)
    ]
    if label not in backups:
        wrong.append(f"backup {label} was not read")
    segments = _ARCHIVE.findall(report)
    wrong += [
        f"{valid} of {checked} WAL segments of {name} are valid"
        for name, checked, valid in segments
        if checked != valid
    ]
    if not any(int(checked) for _, checked, _ in segments):
        wrong.append("no segment of the WAL was read")
    status = _STATUS.findall(report)
    if status != ["ok"]:
        wrong.append(f"pgbackrest verify says status {', '.join(status) or 'nothing'}")
    return "; ".join(wrong)
