"""Open what a configuration names: every scan as a record, with its selection, before any work is done."""

from dataclasses import dataclass, replace
from pathlib import Path

from ..scans.packing import packed_frames
from ..scans.remote import remote_url
from ..scans.scan import Scan
from .config import Config, Region, ScanEntry
from .selection import Selection, select


@dataclass(frozen=True)
class Opened:
    """A scan of the configuration, opened but not read.

    Parameters
    ----------
    name : str
        Key in the configuration's `scans`.
    entry : ScanEntry
        What the configuration says of it.
    scan : Scan or None
        The raw data; None where the entry names a ready volume.
    selection : Selection or None
        The part that is run; None for a ready volume.
    """

    name: str
    entry: ScanEntry
    scan: Scan | None
    selection: Selection | None

    @property
    def source(self) -> Path:
        """File or folder that the scan is read from."""
        path = self.entry.path or self.entry.volume
        if path is None:
            raise ValueError(f"scan {self.name} names no file; give path or volume")
        return path


def region_of(config: Config, name: str) -> Region:
    """Return the region of one scan: its own, or the common one.

    Parameters
    ----------
    config : Config
        The configuration.
    name : str
        Key in `scans`.

    Returns
    -------
    Region
        Rows, columns, binning, views.
    """
    return config.scans[name].region or config.region


def open_entry(config: Config, name: str) -> Opened:
    """Open one scan of a configuration; reads headers only.

    Parameters
    ----------
    config : Config
        The configuration.
    name : str
        Key in `scans`.

    Returns
    -------
    Opened
        The record, checked for consistency.

    Raises
    ------
    FileNotFoundError
        If its file is not there.
    ValueError
        If the file is not a scan, or its parts do not fit one another.
    """
    from ..scans import check_scan, open_scan

    entry = config.scans[name]
    path = entry.path or entry.volume
    if path is None or not (path.exists() or remote_url(path)):
        raise FileNotFoundError(
            f"scan {name}: nothing at {path}; mend its path (relative to the configuration's folder)"
        )
    if entry.path is None:
        return Opened(name, entry, None, None)
    scan = open_scan(path, **entry.hints())
    if scan.energy_kev is None and config.source is not None and config.source.energy_kev is not None:
        scan = replace(scan, energy_kev=config.source.energy_kev)
    check_scan(scan)
    centre_px, n_cols = scan.geometry.centre_px, scan.shape[2]
    if centre_px is not None and not 0 <= centre_px <= n_cols - 1:
        raise ValueError(
            f"scan {name}: centre_px is {centre_px:g}; the axis lies within the columns, 0 to {n_cols - 1}"
        )
    chosen = select(scan.shape, region_of(config, name))
    return Opened(name, entry, scan, replace(chosen, packed=packed_frames(scan.projections)))


def open_all(config: Config) -> list[Opened]:
    """Open every scan of a configuration, in its order.

    Parameters
    ----------
    config : Config
        The configuration.

    Returns
    -------
    list of Opened
        One a scan.
    """
    return [open_entry(config, name) for name in config.scans]
