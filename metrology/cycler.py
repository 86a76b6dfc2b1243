"""Read the files of battery cyclers: Neware, BioLogic, Arbin, Maccor, Novonix, BDF and plain tables."""

import csv
import io
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .cycler_columns import recognise
from .cycler_record import CyclerRecord, plated_charge_mah
from .cycler_table import Table, assemble, record_of_table

__all__ = ["plated_charge_mah", "read_cycler"]

HEADER_ROWS = 500
"""A table's headers are looked for in so many lines."""

_NDA = b"NEWARE"
_MPR = b"BIO-LOGIC MODULAR FILE"
_ACCESS = b"Standard Jet DB"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_ZIP = b"PK\x03\x04"


def read_cycler(
    path: str | Path, *, columns: Mapping[str, str] | None = None, units: Mapping[str, str] | None = None
) -> CyclerRecord:
    """Read the file of a cycler; its kind is told by its content.

    Neware `.nda` and `.ndax` (also inside a `.zip`), BioLogic `.mpt` and `.mpr`, tables of Arbin, Maccor,
    Novonix and others as text or `.xlsx`, and the battery data format (BDF) as CSV.

    Parameters
    ----------
    path : str or Path
        The file.
    columns : mapping of str to str, optional
        Quantity to column header where a table's headers are not understood; quantities are `time`, `current`,
        `voltage`, `step_time`, `step_index`, `cycle`, `counter` and the other names of `cycler_columns.NAMES`.
    units : mapping of str to str, optional
        Quantity to unit where a table does not state it, for instance {"current": "mA", "counter": "mAh"}.

    Returns
    -------
    CyclerRecord
        Time, current, voltage, steps and the instrument's counter, with findings.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModuleNotFoundError
        If the reader of a binary format is not installed.
    ValueError
        If the file is of no known kind, or lacks time, current or a unit.
    """
    path = Path(path)
    with path.open("rb") as stream:
        start = stream.read(64)
    if not start:
        raise ValueError(f"{path.name} is empty; export it again")
    if start.startswith(_ZIP):
        return _open_zip(path, columns, units)
    if start.startswith(_NDA):
        return _of(_neware(path, ".nda"), path, "Neware NDA")
    if start.startswith(_MPR):
        return _of(_mpr(path, columns, units), path, "BioLogic MPR")
    if _ACCESS in start:
        raise ValueError(
            f"{path.name} is an Arbin .res, a Microsoft Access database; export it from MITS Pro or Data Watcher "
            "as .csv or .xlsx, or its table Channel_Normal_Table with mdb-export"
        )
    if b"\0" in start and not start.startswith(_UTF16):
        raise ValueError(f"{path.name} is binary and of no known kind; export it as text (.csv, .mpt)")
    table, form = _text_table(path, columns or {})
    return _of(record_of_table(table, columns=columns, units=units), path, form)


def _of(record: CyclerRecord, path: Path, form: str) -> CyclerRecord:
    return replace(record, path=path, format=form)


def _open_zip(path: Path, columns: Mapping[str, str] | None, units: Mapping[str, str] | None) -> CyclerRecord:
    """Open an .xlsx, an .ndax, or the one cycler file that a zip archive holds."""
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path.name} begins as a zip archive but is cut off; copy or export it again")
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if "xl/workbook.xml" in names:
            table = _sheets(path, columns or {})
            form = _form("", list(table.header)).replace(" CSV", "")
            return _of(record_of_table(table, columns=columns, units=units), path, f"{form} XLSX")
        if any(name.endswith(".ndc") for name in names):
            return _of(_neware(path, ".ndax"), path, "Neware NDAX")
        if len(names) != 1:
            raise ValueError(f"{path.name} holds {len(names)} files; unpack it and open one: {', '.join(names[:5])}")
        with tempfile.TemporaryDirectory() as folder:
            inner = Path(folder) / Path(names[0]).name
            inner.write_bytes(archive.read(names[0]))
            record = read_cycler(inner, columns=columns, units=units)
    return replace(record, path=path)


def _neware(path: Path, ending: str) -> CyclerRecord:
    try:
        import fastnda
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("reading Neware files needs fastnda: pip install 'xelith[cycler]'") from error
    with tempfile.TemporaryDirectory() as folder:
        source = path
        if path.suffix.lower() != ending:  # fastnda goes by the ending
            source = Path(folder) / f"copy{ending}"
            source.write_bytes(path.read_bytes())
        try:
            frame = fastnda.read(source)
        except Exception as error:  # of many kinds, by where the file is damaged
            raise ValueError(
                f"{path.name} cannot be read ({error}); copy it again, or export it from BTSDA as .csv"
            ) from error
    values = {
        name: frame[column].to_numpy().astype(np.float64)
        for name, column in (
            *(("time", "total_time_s"), ("step_time", "step_time_s"), ("current", "current_mA")),
            *(("voltage", "voltage_V"), ("counter", "capacity_mAh")),
        )
    }
    counts = {
        name: frame[column].to_numpy().astype(np.int64)
        for name, column in (
            *(("step_count", "step_count"), ("step_index", "step_index")),
            ("cycle", "cycle_count"),
        )
    }
    clock = frame["unix_time_s"].to_numpy().astype(np.float64)
    return assemble(values, counts, wall_time_s=clock, states=frame["step_type"].to_list())


def _mpr(path: Path, columns: Mapping[str, str] | None, units: Mapping[str, str] | None) -> CyclerRecord:
    try:
        from galvani import BioLogic
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path.name} is a binary BioLogic file; export it from EC-Lab as text (.mpt), or install a reader "
            "yourself: pip install galvani (GPL, so not a part of this package)"
        ) from error
    data = BioLogic.MPRfile(str(path)).data
    names = list(data.dtype.names)
    return record_of_table(Table(names, [data[name] for name in names]), columns=columns, units=units)


def _text_table(path: Path, columns: Mapping[str, str]) -> tuple[Table, str]:
    """Read the table of a text file, whatever stands above it."""
    text = _decoded(path.read_bytes())
    lines = text.splitlines()
    top, delimiter, header = 0, ",", [""]
    while top < min(len(lines), HEADER_ROWS) and not _is_header(header, columns):
        delimiter = max("\t;,", key=lines[top].count)
        header = next(csv.reader([lines[top]], delimiter=delimiter), [])
        top += 1
    if not _is_header(header, columns):
        raise ValueError(
            f"no line among the first {HEADER_ROWS} of {path.name} names a time and a current; "
            "export the table with its headers, or name them: columns={'time': ..., 'current': ...}"
        )
    body = io.StringIO("\n".join(lines[top:]))
    rows = [row for row in csv.reader(body, delimiter=delimiter) if any(cell.strip() for cell in row)]
    width = len(header)
    short = next((i for i, row in enumerate(rows) if len(row) < width - 1), None)
    if short is not None:
        raise ValueError(
            f"row {short + 1} of the table in {path.name} has {len(rows[short])} cells and the header {width}; "
            "the file is cut off or damaged: export it again"
        )
    cells = [[row[i] if i < len(row) else "" for row in rows] for i in range(width)]
    comma = delimiter != "," and any("," in cell for cell in rows[0]) if rows else False
    return Table(header, cells, comma), _form(text[:200], header)


def _is_header(cells: Sequence[str], columns: Mapping[str, str]) -> bool:
    """Whether cells name a time and a current, by themselves or as the caller declared."""
    texts = {cell.strip() for cell in cells}
    found = set(recognise(cells)) | {name for name, text in columns.items() if text.strip() in texts}
    return bool({"time", "step_time"} & found) and bool({"current", "increment"} & found)


def _decoded(raw: bytes) -> str:
    """Text of a file: UTF-8 with or without mark, UTF-16 with mark, else Latin-1."""
    if raw.startswith(_UTF16):
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _form(beginning: str, header: list[str]) -> str:
    """Name the kind of a text file, for the record."""
    names = [cell.strip().strip("\ufeff") for cell in header]
    if beginning.startswith(("EC-Lab ASCII FILE", "BT-Lab ASCII FILE")) or "ox/red" in names:
        return "BioLogic MPT"
    if "Novonix" in beginning:
        return "Novonix CSV"
    if "Test Time / s" in names or "test_time_second" in names:
        return "Battery data format CSV"
    if any(name in names for name in ("DPT Time", "DPt Time", "Cycle C")):
        return "Maccor CSV"
    if any(name.startswith("TC_Counter") or name == "dV/dt(V/s)" for name in names):
        return "Arbin CSV"
    return "table"


def _sheets(path: Path, columns: Mapping[str, str]) -> Table:
    """Join the sheets of a workbook that hold a cycler's table."""
    try:
        import openpyxl
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("reading .xlsx needs openpyxl: pip install 'xelith[cycler]'") from error
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        sheets = [sheet.iter_rows(values_only=True) for sheet in book.worksheets]
        tables = [found for rows in sheets for found in _tables(rows, columns)]
    finally:
        book.close()
    if not tables:
        raise ValueError(f"no sheet of {path.name} names a time and a current; export the data sheet as well")
    header = tables[0][0]
    rows = [row for names, body in tables if names == header for row in body]
    return Table(header, list(zip(*rows, strict=True)) if rows else [])


def _tables(
    rows: Iterator[tuple[Any, ...]], columns: Mapping[str, str]
) -> Iterator[tuple[list[str], list[tuple[Any, ...]]]]:
    """Yield the table of a sheet: its headers and the rows below, blank rows left out."""
    for count, row in enumerate(rows):
        header = ["" if cell is None else str(cell) for cell in row]
        if _is_header(header, columns):
            yield header, [r for r in rows if any(cell is not None for cell in r)]
            return
        if count > HEADER_ROWS:
            return
