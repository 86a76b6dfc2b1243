"""What a reader noticed or had to choose: logged at once, and kept with the scan for its inspection."""

import logging
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger("xelith.scans")

Notes = list[str]


def note(notes: Notes, message: str) -> None:
    """Log a message and keep it.

    Parameters
    ----------
    notes : list of str
        Grows by the message.
    message : str
        What was noticed, with the value chosen.
    """
    logger.warning(message)
    notes.append(message)


def with_notes(provenance: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """Put notes into the provenance of a scan.

    Parameters
    ----------
    provenance : mapping
        Facts from the file.
    notes : list of str
        More notes, after those it has.

    Returns
    -------
    dict
        A copy with all notes under `notes`; what is None is left out.
    """
    kept = {name: value for name, value in provenance.items() if value is not None and name != "notes"}
    return {**kept, "notes": (*provenance.get("notes", ()), *notes)}
