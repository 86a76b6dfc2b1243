"""Which run a viewer shows, and which configuration it came from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .config import Config
from .loading import load_config
from .run import STATE
from .viewer_folder import read_results


@dataclass(frozen=True)
class Session:
    """A run folder that is looked at.

    Parameters
    ----------
    folder : Path
        The run folder.
    """

    folder: Path

    @property
    def results(self) -> dict[str, Any]:
        """Content of results.json; empty before the first run."""
        return read_results(self.folder)

    @property
    def config_path(self) -> Path:
        """The file that the run came from: what a user edits."""
        try:
            owner = json.loads((self.folder / STATE / "owner.json").read_text(encoding="utf8"))
            path = Path(owner["config"])
        except (OSError, ValueError, KeyError, TypeError):
            path = self.folder / "config.yaml"
        if not path.is_file():
            raise FileNotFoundError(
                f"the run's configuration is not at {path}; put it back, or run it again from there"
            )
        return path

    @property
    def config(self) -> Config:
        """The configuration as it stands in its file now."""
        return load_config(self.config_path)

    def image(self, scan: str) -> Path:
        """Return the image of a scan.

        Parameters
        ----------
        scan : str
            Name of the scan.

        Returns
        -------
        Path
            Its OME-Zarr group.
        """
        return self.folder / f"{scan}.ome.zarr"


def session_of(viewer: Any) -> Session:
    """Return the run that a viewer shows.

    Parameters
    ----------
    viewer : napari.Viewer
        With layers of a run.

    Returns
    -------
    Session
        The run of the first layer that has one.

    Raises
    ------
    ValueError
        If no layer came from a run folder.
    """
    for layer in viewer.layers:
        path = layer.metadata.get("xelith", {}).get("path")
        for folder in Path(path).parents if path else ():
            if (folder / STATE).is_dir() or (folder / "results.json").is_file():
                return Session(folder)
    raise ValueError("no layer belongs to a run; open a run folder first (xelith view DIR)")


def shown(viewer: Any, name: str, data: Any, **options: Any) -> Any:
    """Show an image under a name: in its layer if there is one, else in a new one.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    name : str
        Name of the layer.
    data : array
        What to show.
    **options : object
        Options of a new layer; of them only the place is changed later.

    Returns
    -------
    napari.layers.Image
        The layer.
    """
    if name in viewer.layers:
        layer = viewer.layers[name]
        layer.data = data
        layer.translate = options.get("translate", layer.translate)
        return layer
    return viewer.add_image(data, name=name, **options)
