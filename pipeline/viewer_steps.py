"""Ring, phase and other steps tried on one slice: before and after, and back into the configuration."""

import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox, Label, LineEdit, PushButton, SpinBox
from pydantic.fields import FieldInfo

from .config import Config
from .config_edit import set_in_file
from .live_slice import read_slice
from .steps import STEPS, Layout, Step
from .viewer_layers import UNIT
from .viewer_session import session_of, shown
from .viewer_working import in_background, show_error

BEFORE, AFTER = "slice without the step (cm⁻¹)", "slice with the step (cm⁻¹)"


class StepWidget(Container):
    """Try a step's parameters on one slice, with and without it, and write them to the configuration.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer; a run must be open in it.
    """

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = napari_viewer
        self._session = session_of(napari_viewer)
        raw = [name for name, entry in self._session.config.scans.items() if entry.path is not None]
        if not raw:
            raise ValueError("this run has no raw projections; its steps were done where it was reconstructed")
        self._kinds = {kind.model_fields["step"].default: kind for kind in STEPS if has_form(kind)}
        self.scan = ComboBox(choices=raw, value="xenon" if "xenon" in raw else raw[0], label="scan")
        self.row = SpinBox(min=0, max=10**5, label="detector row")
        self.step = ComboBox(choices=sorted(self._kinds), value="rings", label="step")
        self.form: Container[Any] = Container(layout="vertical", labels=True)
        self.wanted = CheckBox(value=True, text="use this step")
        self.apply = PushButton(text="before and after")
        self.write = PushButton(text="write the steps to the configuration")
        self.state = Label(value="")
        everything = [self.scan, self.row, self.step, self.form, self.wanted, self.apply, self.write, self.state]
        super().__init__(widgets=everything)
        shape = self._session.results.get("scans", {}).get(self.scan.value, {}).get("shape") or [2]
        self.row.value = int(shape[0]) // 2
        self._fill()
        self.step.changed.connect(self._fill)
        self.apply.clicked.connect(self.compare)
        self.write.clicked.connect(self._write)

    def _fill(self) -> None:
        """A field for every parameter of the chosen step, at the value that the run uses."""
        self.form.clear()
        kind = self._kinds[self.step.value]
        now = next((s for s in self._session.config.chain(self.scan.value) if isinstance(s, kind)), None)
        self.wanted.value = now is not None or self.step.value == "rings"
        for name, about in kind.model_fields.items():
            if name == "step":
                continue
            value = getattr(now, name) if now is not None else about.get_default()
            field = field_widget(name, about, value)
            if field is not None:
                self.form.append(field)

    def chosen(self) -> Step:
        """Return the step as the form describes it.

        Returns
        -------
        Step
            Checked against its bounds.
        """
        kind = self._kinds[self.step.value]
        given = {field.name: field.value for field in self.form if field.name in kind.model_fields}
        return kind(**{name: value for name, value in given.items() if value != ""})

    def chain(self, config: Config, *, wanted: bool) -> tuple[Step, ...]:
        """Return the scan's steps with the chosen one in its place, or without it.

        Parameters
        ----------
        config : Config
            The configuration.
        wanted : bool
            Whether the step is used.

        Returns
        -------
        tuple of Step
            In the order in which steps can follow one another.
        """
        kind = self._kinds[self.step.value]
        rest = [step for step in config.chain(self.scan.value) if not isinstance(step, kind)]
        steps = [*rest, self.chosen()] if wanted else rest
        return tuple(sorted(steps, key=lambda step: STEPS.index(type(step))))

    def compare(self) -> None:
        """Reconstruct the slice with and without the step, in a thread."""
        try:
            config, scan, row = self._session.config, self.scan.value, int(self.row.value)
            chains = {AFTER: self.chain(config, wanted=True), BEFORE: self.chain(config, wanted=False)}
        except ValueError as error:
            show_error(error)
            return
        centre = self._session.results.get("scans", {}).get(scan, {}).get("centre_px")
        self.state.value = "reconstructing ..."

        def _work() -> tuple[dict[str, Any], float]:
            slices = {name: read_slice(with_steps(config, scan, s), scan, row) for name, s in chains.items()}
            axis = centre if centre is not None else (next(iter(slices.values())).sinogram.shape[1] - 1) / 2
            return {name: one.at(axis) for name, one in slices.items()}, slices[AFTER].voxel_um

        in_background(_work, done=self._show, failed=lambda: setattr(self.state, "value", "failed"))

    def _show(self, answer: tuple[Mapping[str, Any], float]) -> None:
        images, voxel = answer
        like = f"{self.scan.value} µ (cm⁻¹)"
        options: dict[str, Any] = {"colormap": "gray", "scale": (voxel, voxel), "units": (UNIT, UNIT)}
        if like in self._viewer.layers:
            options["contrast_limits"] = self._viewer.layers[like].contrast_limits
        for name, image in images.items():
            shown(self._viewer, name, image, **options)
        inner = tuple(slice(n // 4, -(n // 4) or None) for n in images[AFTER].shape)
        stds = {name: float(image[inner].std()) for name, image in images.items()}
        self.state.value = (
            f"std of the middle: {stds[BEFORE]:.3g} without, {stds[AFTER]:.3g} cm⁻¹ with {self.step.value}"
        )

    def _write(self) -> None:
        try:
            steps = self.chain(self._session.config, wanted=bool(self.wanted.value))
            dumped = [{"step": s.model_dump()["step"], **s.model_dump(exclude_defaults=True)} for s in steps]
            set_in_file(self._session.config_path, ("reconstruction",), dumped)
        except (ValueError, OSError) as error:
            show_error(error)
            return
        self.state.value = "steps written; run from here to use them"


def has_form(kind: type[Step]) -> bool:
    """Return whether a step can be described by simple fields.

    Parameters
    ----------
    kind : type
        A step.

    Returns
    -------
    bool
        False for the search of the axis, and for steps that need more than numbers and choices.
    """
    needed = [about.annotation for name, about in kind.model_fields.items() if about.is_required() and name != "step"]
    simple = all(one in (int, float, bool) or get_origin(one) is Literal for one in needed)
    return simple and kind.reads is not Layout.SCAN


def with_steps(config: Config, scan: str, steps: tuple[Step, ...]) -> Config:
    """Return a configuration in which a scan has other steps.

    Parameters
    ----------
    config : Config
        The configuration.
    scan : str
        Key in `scans`.
    steps : tuple of Step
        Its reconstruction.

    Returns
    -------
    Config
        Not yet checked as a whole.
    """
    entry = config.scans[scan].model_copy(update={"reconstruction": steps})
    return config.model_copy(update={"scans": {**config.scans, scan: entry}})


def field_widget(name: str, about: FieldInfo, value: Any) -> Any:
    """Make a field for a parameter, with its bounds.

    Parameters
    ----------
    name : str
        Name of the parameter.
    about : FieldInfo
        Its type, bounds and description.
    value : object
        What it is now; None where it has no default.

    Returns
    -------
    Widget or None
        None for a parameter of a kind that has no field, which then keeps its default.
    """
    kind = about.annotation
    if get_origin(kind) in (typing.Union, types.UnionType):
        kinds = [k for k in get_args(kind) if k is not type(None)]
        if value is None and len(kinds) == 1 and kinds[0] in (int, float):
            tip = f"{about.description or ''} (empty: chosen by itself)"
            return LineEdit(value="", name=name, label=name, tooltip=tip)
        kind = kinds[0] if len(kinds) == 1 and value is not None else None
    options: dict[str, Any] = {"name": name, "label": name, "tooltip": about.description or ""}
    if get_origin(kind) is Literal:
        return ComboBox(choices=get_args(kind), value=value or get_args(kind)[0], **options)
    if kind is bool:
        return CheckBox(value=bool(value), **options)
    if kind not in (int, float):
        return None
    limits: list[Any] = about.metadata
    low: Any = next((m.ge if isinstance(m, Ge) else m.gt for m in limits if isinstance(m, (Ge, Gt))), -1e6)
    high: Any = next((m.le if isinstance(m, Le) else m.lt for m in limits if isinstance(m, (Le, Lt))), 1e6)
    start = value if isinstance(value, (int, float)) else low
    if kind is int:
        return SpinBox(min=int(low), max=int(high), value=int(start), **options)
    above = 0.01 if any(isinstance(m, Gt) for m in about.metadata) else 0.0
    return FloatSpinBox(
        min=float(low) + above, max=float(high), step=0.01, value=max(float(start), low + above), **options
    )
