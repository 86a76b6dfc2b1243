"""TIFF stacks: a folder of frames or one file of many pages, flats and darks by their names."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import ScanError
from .hints import Hints
from .notes import Notes, note, with_notes
from .scan import Scan
from .sources import named_files, natural_key, tiff_files
from .tiff_frames import tiff_frames

FORMAT = "TIFF stack"
FLAT_WORDS = {"flat", "flats", "flatfield", "flatfields", "ff", "ref", "refs", "reference", "references", "white",
              "whites", "bright", "brights", "bak", "open", "openbeam", "ob", "io", "empty"}  # fmt: skip
DARK_WORDS = {"dark", "darks", "darkfield", "darkfields", "df", "drk", "dc", "di", "offset", "background"}
PROJECTION_WORDS = {"proj", "projs", "projection", "projections", "tomo", "radio", "radios", "radiographs", "scan",
                    "sample", "images", "raw", "data"}  # fmt: skip
AFTER_WORDS = {"after", "post", "end", "last"}
BEFORE_WORDS = {"before", "pre", "start", "first"}
ANGLE_NAMES = ("theta.txt", "theta.csv", "angles.txt", "angles.csv", "theta_deg.txt", "theta_rad.txt")


def recognises(path: Path, hints: Hints) -> bool:
    """Tell whether a path is a TIFF file or a folder of TIFF files.

    Parameters
    ----------
    path : Path
        A TIFF file or a folder.
    hints : Hints
        Its `projections` may lie elsewhere.

    Returns
    -------
    bool
        True for a file; for a folder, if it or a folder in it holds TIFF files.
    """
    if not path.is_dir():
        return True
    if isinstance(hints.projections, Mapping) or ".h5:/" in str(hints.projections):
        return False
    return bool(tiff_files(path)) or any(tiff_files(below) for below in folders(path))


def read(path: Path, hints: Hints) -> Scan:
    """Read the description of a TIFF stack; frames are read when they are sliced.

    Parameters
    ----------
    path : Path
        A TIFF file of many pages, or a folder.
    hints : Hints
        `projections`, `flats` and `darks` are looked at, which keeps frames of one kind out of another.

    Returns
    -------
    Scan
        Frames, and angles where a file `theta.txt` or `angles.txt` holds them; the rest is left to hints.

    Raises
    ------
    ScanError
        If a frame is missing from a numbered sequence, or differs in size or type.
    """
    if not path.is_dir():
        return Scan(projections=tiff_frames([path]), path=path, format=FORMAT, provenance=with_notes({}, []))
    notes: Notes = []
    kinds = sorted_kinds(path, hints, notes)
    projections = tiff_frames(check_sequence(kinds["projections"]))
    files, positions = in_time(kinds["flats"], projections.shape[0])
    flats = tiff_frames(files) if files else None
    one_each = flats is not None and flats.shape[0] == len(files)
    return Scan(
        projections=projections,
        flats=flats,
        darks=tiff_frames(kinds["darks"]) if kinds["darks"] else None,
        flat_positions=positions if one_each else None,
        path=path,
        format=FORMAT,
        provenance=with_notes({}, notes),
    )


def words(name: str) -> set[str]:
    """Split a name into its words in lower case.

    Parameters
    ----------
    name : str
        Name of a file or folder.

    Returns
    -------
    set of str
        Its runs of letters.
    """
    return {word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+", name)}


def folders(path: Path) -> list[Path]:
    """List the folders in a folder.

    Parameters
    ----------
    path : Path
        A folder.

    Returns
    -------
    list of Path
        In order, hidden ones left out.
    """
    return sorted((p for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")), key=natural_key)


def sorted_kinds(path: Path, hints: Hints, notes: Notes) -> dict[str, list[Path]]:
    """Sort the TIFF files of a folder into projections, flats and darks.

    Parameters
    ----------
    path : Path
        The folder.
    hints : Hints
        Patterns or folders for some kinds; the rest goes by the names of folders and files.
    notes : list of str
        Grows by what was decided from names.

    Returns
    -------
    dict of list of Path
        Files by kind: "projections", "flats", "darks".

    Raises
    ------
    ScanError
        If no projections are left, or it is not clear which folder holds them.
    """
    kinds: dict[str, list[Path]] = {}
    for kind in ("projections", "flats", "darks"):
        source = getattr(hints, kind)
        if isinstance(source, str | Path | list | tuple):
            outside = hints.allow_outside or kind in hints.trusted
            kinds[kind] = named_files(source, path, allow_outside=outside, name=kind)
    taken = {file.resolve() for files in kinds.values() for file in files}
    loose = [file for file in tiff_files(path) if file.resolve() not in taken]
    below = {folder: [f for f in tiff_files(folder) if f.resolve() not in taken] for folder in folders(path)}
    for kind, known in (("flats", FLAT_WORDS), ("darks", DARK_WORDS)):
        if kind not in kinds and getattr(hints, kind) is None:
            in_folders = [file for folder in below if words(folder.name) & known for file in below[folder]]
            by_name = [file for file in loose if words(file.stem) & known]
            kinds[kind] = in_folders or (by_name if len(by_name) < len(loose) or any(below.values()) else [])
            if by_name and not in_folders and kinds[kind]:
                note(notes, f"{len(by_name)} files are taken as {kind} by their names, {by_name[0].name} the first")
    taken |= {file.resolve() for files in kinds.values() for file in files}
    if "projections" not in kinds:
        kinds["projections"] = [f for f in loose if f.resolve() not in taken] or projection_folder(path, below, taken)
    return {kind: kinds.get(kind, []) for kind in ("projections", "flats", "darks")}


def projection_folder(path: Path, below: dict[Path, list[Path]], taken: set[Path]) -> list[Path]:
    """Choose the sub-folder that holds the projections.

    Parameters
    ----------
    path : Path
        The folder of the scan.
    below : dict
        TIFF files of each sub-folder.
    taken : set of Path
        Files that are flats or darks.

    Returns
    -------
    list of Path
        Files of the one sub-folder left, or of the one whose name says projections.

    Raises
    ------
    ScanError
        If there is none, or several.
    """
    left = {folder: files for folder, files in below.items() if files and not {f.resolve() for f in files} <= taken}
    named = {folder: files for folder, files in left.items() if words(folder.name) & PROJECTION_WORDS}
    chosen = list((named if len(named) == 1 else left).values())
    if len(chosen) != 1:
        found = f"{len(left)} folders that could ({', '.join(f.name for f in list(left)[:4])})" if left else "none"
        raise ScanError(
            f"{path}: one folder of TIFF files must hold the projections and there is {found}; give projections"
        )
    return chosen[0]


def check_sequence(files: Sequence[Path]) -> Sequence[Path]:
    """Pass files on if their numbers run without a gap.

    Parameters
    ----------
    files : sequence of Path
        Files in order.

    Returns
    -------
    sequence of Path
        The same.

    Raises
    ------
    ScanError
        If a number is missing between two files whose names are otherwise the same.
    """
    parts = [re.split(r"(\d+)", file.stem) for file in files]
    if len({len(p) for p in parts}) != 1 or len(files) < 3:
        return files
    varying = [i for i in range(len(parts[0])) if len({p[i] for p in parts}) > 1]
    if len(varying) != 1 or varying[0] % 2 == 0:
        return files
    numbers = np.array([int(p[varying[0]][:18]) for p in parts])
    steps = np.diff(numbers)
    wrong = np.flatnonzero(steps != steps.min())
    if wrong.size:
        i = int(wrong[0])
        raise ScanError(
            f"{files[0].parent}: frame {numbers[i] + steps.min()} is missing between {files[i].name} and "
            f"{files[i + 1].name}; copy it, or renumber the files and list their angles"
        )
    return files


def in_time(flats: Sequence[Path], n_theta: int) -> tuple[list[Path], NDArray[np.int64] | None]:
    """Tell from the names of files or folders which flats were taken before the scan and which after it.

    Parameters
    ----------
    flats : sequence of Path
        Files of the flats, one frame each.
    n_theta : int
        Number of projections.

    Returns
    -------
    tuple of (list of Path, array or None)
        The files, those before first; and the index of the projection that follows each, None if a name does
        not say.
    """
    after = []
    for file in flats:
        said = words(file.stem) | words(file.parent.name)
        if bool(said & AFTER_WORDS) == bool(said & BEFORE_WORDS):
            return list(flats), None
        after.append(bool(said & AFTER_WORDS))
    order = sorted(range(len(flats)), key=lambda i: after[i])
    return [flats[i] for i in order], np.array([n_theta if after[i] else 0 for i in order], dtype=np.int64)
