"""The viewer: a run folder, a part of one or a raw scan in napari, with the tools to correct it."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .status import STATE
from .viewer_folder import folder_layers, part_layers
from .viewer_layers import LayerData
from .viewer_working import show_error

TOOLS = {
    "Map": ("viewer_map", "MapWidget"),
    "Axis": ("viewer_centre", "CentreWidget"),
    "Steps": ("viewer_steps", "StepWidget"),
    "Histogram": ("viewer_histogram", "HistogramWidget"),
    "Scribbles": ("viewer_scribbles", "ScribbleWidget"),
    "Cut": ("viewer_space", "SpaceWidget"),
    "Run": ("viewer_run", "RunWidget"),
}
"""Tabs of the viewer: name to module and class."""


def view(path: Path) -> None:
    """Open a run folder, a part of it or a raw scan in a window, until the window is closed.

    Parameters
    ----------
    path : Path
        What to look at.
    """
    napari = import_napari()
    open_viewer(path)
    napari.run()


def open_viewer(path: Path, *, show: bool = True) -> Any:
    """Open a viewer on a run folder, a part of it or a raw scan, with its tools.

    Parameters
    ----------
    path : Path
        What to look at.
    show : bool
        False leaves the window hidden.

    Returns
    -------
    napari.Viewer
        The viewer.

    Raises
    ------
    ImportError
        If napari is not installed.
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If it holds nothing to show.
    """
    napari = import_napari()
    layers = layers_of(path)
    viewer = napari.Viewer(title=f"xelith: {path.resolve().name}", show=show)
    _add(viewer, layers)
    is_run = (path / "results.json").is_file() or (path / STATE).is_dir()
    if is_run:
        add_tools(viewer)
    return viewer


def layers_of(path: Path) -> list[LayerData]:
    """Return the layers of whatever stands at a path.

    Parameters
    ----------
    path : Path
        Run folder, *.ome.zarr image, TIFF map, or raw scan.

    Returns
    -------
    list of tuple
        Layer data.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If it holds nothing to show.
    """
    if not path.exists():
        raise FileNotFoundError(f"nothing at {path}; give a run folder, an image in it, or a raw scan")
    if _is_image(path) or path.name == "thickness.tif":
        return part_layers(path)
    if _is_run(path):
        return folder_layers(path)
    return scan_layers(path)


def scan_layers(path: Path) -> list[LayerData]:
    """Lay out the projections of a raw scan, read view by view.

    Parameters
    ----------
    path : Path
        File or folder with projections.

    Returns
    -------
    list of tuple
        One image of (view, row, column), in counts.
    """
    import dask
    import dask.array as da

    from ..scans import open_scan

    frames = open_scan(path).projections
    size, kind = frames.shape[1:], np.dtype(frames.dtype)
    views = [dask.delayed(_one_view)(frames, index) for index in range(frames.shape[0])]
    data = da.stack([da.from_delayed(view, shape=size, dtype=kind) for view in views])
    options = {"name": "projections (counts)", "colormap": "gray", "axis_labels": ("view", "row", "column")}
    return [(data, {**options, "metadata": {"xelith": {"kind": "raw"}}}, "image")]


def _one_view(frames: Any, index: int) -> Any:
    return np.asarray(frames[index : index + 1])[0]


def show_folder(viewer: Any, folder: Path) -> None:
    """Read the layers of a run folder anew; layers of a user's own stay.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    folder : Path
        The run folder.
    """
    fresh = folder_layers(folder)
    names = {options["name"] for _, options, _ in fresh}
    visible = {layer.name: layer.visible for layer in viewer.layers}
    for name in [layer.name for layer in viewer.layers if layer.name in names]:
        viewer.layers.remove(name)
    kept = [(d, {**o, "visible": visible.get(o["name"], o.get("visible", True))}, k) for d, o, k in fresh]
    _add(viewer, kept)


def add_tools(viewer: Any) -> dict[str, Any]:
    """Dock the tools at the right, one a tab.

    Parameters
    ----------
    viewer : napari.Viewer
        With a run open in it.

    Returns
    -------
    dict of str to widget
        By name; a tool that cannot be used with this run is left out, and the reason shown.
    """
    from importlib import import_module

    tools, docks = {}, []
    for name, (module, kind) in TOOLS.items():
        try:
            tools[name] = getattr(import_module(f".{module}", __package__), kind)(viewer)
        except (ValueError, OSError) as error:
            show_error(error)
            continue
        docks.append(viewer.window.add_dock_widget(tools[name], name=name, area="right", tabify=True))
    if docks:
        docks[0].raise_()
    return tools


def napari_get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Say whether this package can show a path; called by napari.

    Parameters
    ----------
    path : str or sequence of str
        What was dropped on the window.

    Returns
    -------
    callable or None
        A function from path to layers; None where the path is none of ours.
    """
    if not isinstance(path, str):
        return None
    place = Path(path)
    ours = _is_image(place) or _is_run(place) or place.name == "thickness.tif"
    return _read if ours and place.exists() else None


def _read(path: str) -> list[LayerData]:
    return layers_of(Path(path))


def _is_run(path: Path) -> bool:
    return path.is_dir() and ((path / "results.json").is_file() or any(path.glob("[!.]*.ome.zarr")))


def _is_image(path: Path) -> bool:
    return path.is_dir() and path.name != "labels" and (path / "zarr.json").is_file() and (path / "0").is_dir()


def _add(viewer: Any, layers: list[LayerData]) -> None:
    for data, options, kind in layers:
        getattr(viewer, f"add_{kind}")(data, **options)
    viewer.scale_bar.visible = True
    viewer.dims.set_current_step(0, _middle(viewer))
    viewer.reset_view()


def _middle(viewer: Any) -> int:
    return int(viewer.dims.nsteps[0] // 2)


def import_napari() -> Any:
    """Import napari, or say how to get it.

    Returns
    -------
    module
        napari.

    Raises
    ------
    ImportError
        If it is not installed, or no window can be opened.
    """
    try:
        import napari
        import qtpy.QtWidgets  # noqa: F401
    except ImportError as error:
        raise ImportError(f"the viewer needs napari and Qt ({error}); pip install 'xelith[viewer]'") from error
    if os.name == "posix" and not any(os.environ.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        raise OSError("no display to open a window on; use `ssh -X`, a remote desktop, or xvfb-run")
    return napari
