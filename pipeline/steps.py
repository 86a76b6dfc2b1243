"""The reconstruction steps a configuration can name: parameters with bounds, and what each one reads."""

from enum import Enum
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


class Layout(Enum):
    """How a step must see the data: whole frames, one row over all angles, or the scan at once."""

    PROJECTIONS = "projections"
    SINOGRAMS = "sinograms"
    SCAN = "scan"


class Step(BaseModel):
    """A frozen record: parameters with bounds and units, and the slicing the step reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    reads: ClassVar[Layout]
    about: ClassVar[str] = ""


class FlatField(Step):
    """Dark and flat correction: transmission = (I - dark) / (flat - dark)."""

    step: Literal["flat-field"] = "flat-field"
    air_columns: tuple[int, int] | None = Field(
        None, description="columns [first, last) that see only air, scaled to a mean transmission of 1"
    )
    nonfinite: Literal["refuse", "repair"] = Field(
        "refuse", description="NaN and Inf in the projections: stop, or repair from their neighbours"
    )
    reads: ClassVar[Layout] = Layout.PROJECTIONS


class Zingers(Step):
    """Replace pixels that a stray photon or cosmic ray has made far brighter than their neighbours."""

    step: Literal["zingers"] = "zingers"
    threshold: float = Field(8.0, gt=0, description="excess over the local median, in units of its noise")
    reads: ClassVar[Layout] = Layout.PROJECTIONS


class GlareFloor(Step):
    """Subtract an additive floor (scatter, glare of scintillator and lens, dark offset) before the logarithm."""

    step: Literal["floor"] = "floor"
    share: float = Field(ge=0, lt=0.5, description="share of the open beam, as read in the shadow of the collector")
    reads: ClassVar[Layout] = Layout.PROJECTIONS


class Deblur(Step):
    """Undo the detector's blur on intensities, before the logarithm (Wiener filter that keeps levels)."""

    step: Literal["deblur"] = "deblur"
    sigma_px: float = Field(gt=0, le=10, description="standard deviation of the blur, in pixels of the selection")
    noise: float = Field(0.05, gt=0, le=1, description="noise over signal where the filter turns over")
    reads: ClassVar[Layout] = Layout.PROJECTIONS


class Hardening(Step):
    """Put the line integrals of one energy in the place of a tube's, for the dominant material (Herman 1979)."""

    step: Literal["hardening"] = "hardening"
    material: Literal["electrolyte", "carbon", "casing", "collector"] = "electrolyte"
    energy_kev: float | None = Field(
        None, ge=5, le=200, description="energy whose µ the material shall read; default the beam's mean at zero path"
    )
    reads: ClassVar[Layout] = Layout.PROJECTIONS


class Rings(Step):
    """Remove stripes that run along the angle axis of a sinogram, which become rings in a slice."""

    step: Literal["rings"] = "rings"
    method: Literal["mean", "sorting", "all", "wavelet"] = Field(
        "mean",
        description="mean: column mean, spares clean slices; sorting, all (large and dead stripes too): Vo 2018; "
        "wavelet: Münch 2009",
    )
    size: int = Field(
        9,
        ge=3,
        le=301,
        description="width of the median over columns, in px; walls thinner than half of it suffer",
    )
    reads: ClassVar[Layout] = Layout.SINOGRAMS


class Truncation(Step):
    """Carry projections that the detector cuts off on to the outer radius of the object (Hsieh et al. 2004)."""

    step: Literal["truncation"] = "truncation"
    outer_diameter_mm: float | None = Field(
        None, gt=0, le=500, description="of the whole object; default the cell's, else fitted to the edges of the view"
    )
    mu_per_cm: float | None = Field(None, gt=0, description="of the material that is cut, with outer_diameter_mm")
    reads: ClassVar[Layout] = Layout.SINOGRAMS


class Centre(Step):
    """Find the column of the rotation axis and how it leans; a `centre_px` of the scan entry takes its place."""

    step: Literal["centre"] = "centre"
    search_px: tuple[float, float] | None = Field(
        None,
        description="range of columns to search, pixel-centre indices; default the middle half, for full turns all",
    )
    tilt: Literal["correct", "measure", "off"] = Field(
        "correct", description="an axis that leans against the columns: set upright, only measured, or not looked for"
    )
    reads: ClassVar[Layout] = Layout.SCAN


class FourierFbp(Step):
    """Filtered back-projection of parallel-beam sinograms by gridding their Fourier transform."""

    step: Literal["fourier-fbp"] = "fourier-fbp"
    window: Literal["ramp", "shepp-logan", "cosine", "hamming", "hann"] = "shepp-logan"
    reads: ClassVar[Layout] = Layout.SINOGRAMS


class Fbp(Step):
    """Filtered back-projection of parallel-beam sinograms, direct: slower, the reference."""

    step: Literal["fbp"] = "fbp"
    window: Literal["ramp", "shepp-logan", "cosine", "hamming", "hann"] = "shepp-logan"
    reads: ClassVar[Layout] = Layout.SINOGRAMS


class Fdk(Step):
    """Filtered back-projection of circular cone-beam projections (Feldkamp, Davis and Kress 1984)."""

    step: Literal["fdk"] = "fdk"
    window: Literal["ramp", "shepp-logan", "cosine", "hamming", "hann"] = "shepp-logan"
    reads: ClassVar[Layout] = Layout.SINOGRAMS


STEPS: tuple[type[Step], ...] = (
    FlatField,
    Zingers,
    GlareFloor,
    Deblur,
    Hardening,
    Rings,
    Truncation,
    Centre,
    FourierFbp,
    Fbp,
    Fdk,
)
"""Every step there is, in the order in which they can follow one another."""

AnyStep = Annotated[
    FlatField | Zingers | GlareFloor | Deblur | Hardening | Rings | Truncation | Centre | FourierFbp | Fbp | Fdk,
    Field(discriminator="step"),
]
Reconstructor = FourierFbp | Fbp | Fdk

DEFAULT_CHAIN: tuple[Step, ...] = (FlatField(), Zingers(), Rings(), Centre(), FourierFbp())


def step_names() -> tuple[str, ...]:
    """Return the names that `step:` may have, in the order of `STEPS`.

    Returns
    -------
    tuple of str
        For instance "flat-field".
    """
    return tuple(step.model_fields["step"].default for step in STEPS)


def check_chain(steps: tuple[Step, ...]) -> None:
    """Refuse a list of steps that cannot be run.

    Parameters
    ----------
    steps : tuple of Step
        The chain as configured.

    Raises
    ------
    ValueError
        If a step stands twice or before one it builds on, or no reconstruction stands last.
    """
    order = {kind: place for place, kind in enumerate(STEPS)}
    names = [step.model_dump()["step"] for step in steps]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"step {twice} stands {names.count(twice)} times; keep one")
    if not steps or not isinstance(steps[-1], Reconstructor):
        raise ValueError(f"the last step is {names[-1] if names else 'missing'}; end with fourier-fbp, fbp or fdk")
    if sum(isinstance(step, Reconstructor) for step in steps) > 1:
        raise ValueError(f"steps {names} reconstruct twice; keep one of fourier-fbp, fbp and fdk")
    places = [order[type(step)] for step in steps]
    if places != sorted(places):
        right = [name for _, name in sorted(zip(places, names, strict=True))]
        raise ValueError(f"steps stand in the order {names}; the order that works is {right}")
