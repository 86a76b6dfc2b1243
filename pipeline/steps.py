"""The reconstruction steps a configuration can name: parameters with bounds, and what each one reads."""

from enum import Enum
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Layout(Enum):
    """How a step must see the data: whole frames, one row over all angles, or the scan at once."""

    PROJECTIONS = "projections"
    SINOGRAMS = "sinograms"
    SCAN = "scan"


class Step(BaseModel):
    """A frozen record: parameters with bounds and units, and the slicing the step reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    reads: ClassVar[Layout]
    halo_views: ClassVar[int] = 0
    """Views before and after a block that the step must see."""
    copies: ClassVar[int] = 0
    """Further copies of a block's frames that the step takes while it runs."""


class FlatField(Step):
    """Dark and flat correction: transmission = (I - dark) / (flat - dark)."""

    step: Literal["flat-field"] = "flat-field"
    nonfinite: Literal["refuse", "repair"] = Field(
        "refuse", description="NaN and Inf in the projections: stop, or repair from their neighbours"
    )
    reads: ClassVar[Layout] = Layout.PROJECTIONS


class BadPixels(Step):
    """Limits beyond which a pixel is dead or hot, and filled from its neighbours; those here hold without the step."""

    step: Literal["bad-pixels"] = "bad-pixels"
    low: float = Field(0.2, ge=0, lt=1, description="smallest beam, in units of the median of the 5 x 5 pixels around")
    high: float = Field(5.0, gt=1, description="largest beam, in the same units")
    hot: float = Field(0.5, gt=0, description="largest excess of the dark over its neighbours', in units of their beam")
    reads: ClassVar[Layout] = Layout.PROJECTIONS


class DynamicFlats(Step):
    """Fit to every projection the main ways in which the flats change (Van Nieuwenhove et al. 2015)."""

    step: Literal["dynamic-flats"] = "dynamic-flats"
    modes: int | None = Field(None, ge=0, le=20, description="ways to fit; default those that exceed photon noise")
    reads: ClassVar[Layout] = Layout.PROJECTIONS
    copies: ClassVar[int] = 2


class Air(Step):
    """Scale every row of every projection so that air in the view transmits 1: a beam that flickers or decays."""

    step: Literal["air"] = "air"
    columns: tuple[tuple[int, int], ...] = Field(
        min_length=1, max_length=8, description="ranges [first, last) of columns that see air in every projection"
    )
    reads: ClassVar[Layout] = Layout.PROJECTIONS
    copies: ClassVar[int] = 1

    @field_validator("columns")
    @classmethod
    def _ordered(cls, value: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        flat = [place for span in value for place in span]
        if flat != sorted(set(flat)) or flat[0] < 0:
            raise ValueError(f"columns are {[list(v) for v in value]}; give [first, last) ranges from left to right")
        return value


class Zingers(Step):
    """Replace pixels that a stray photon or cosmic ray has made far brighter than their neighbours."""

    step: Literal["zingers"] = "zingers"
    threshold: float = Field(8.0, gt=0, description="excess over the local median, in units of its noise")
    reads: ClassVar[Layout] = Layout.PROJECTIONS
    halo_views: ClassVar[int] = 1


class Shifts(Step):
    """Move projections back that wandered: by the shifts that the instrument stored, and against a steady drift."""

    step: Literal["shifts"] = "shifts"
    stored: bool = Field(True, description="apply the shifts in the file (Zeiss), where it has any")
    drift_px: tuple[float, float] = Field(
        (0.0, 0.0), description="[rows, columns] that the image moved from the first view to the last, in detector px"
    )
    reads: ClassVar[Layout] = Layout.PROJECTIONS
    copies: ClassVar[int] = 1


class GlareFloor(Step):
    """Subtract an additive floor (scatter, glare of scintillator and lens) before the logarithm."""

    step: Literal["floor"] = "floor"
    share: float | None = Field(
        None, ge=0, lt=0.5, description="share of the open beam; default: measured in the shadow of the collector"
    )
    rows: tuple[int, int] | None = Field(
        None, description="detector rows [first, last) in that shadow; default: found where the darkest end lies"
    )
    collector_share: float | None = Field(
        None,
        ge=0,
        le=0.01,
        description="transmission of the collector itself behind its middle, taken off what is measured there; "
        "default: from its material, the bore and the beam, where these are known",
    )
    in_flats: bool = Field(
        True, description="True for glare, which the flats bear too; False for scatter of the sample"
    )
    reads: ClassVar[Layout] = Layout.PROJECTIONS


class Deblur(Step):
    """Undo the detector's blur on intensities, before the logarithm (Wiener filter that keeps levels)."""

    step: Literal["deblur"] = "deblur"
    sigma_px: float = Field(gt=0, le=10, description="standard deviation of the blur, in pixels of the selection")
    noise: float = Field(0.05, gt=0, le=1, description="noise over signal where the filter turns over")
    reads: ClassVar[Layout] = Layout.PROJECTIONS


class PhaseRetrieval(Step):
    """Turn the fringes of propagation into the absorption of one material (Paganin et al. 2002)."""

    step: Literal["phase"] = "phase"
    material: Literal["electrolyte", "carbon", "casing", "lithium", "collector"] = Field(
        "electrolyte", description="the one whose µ is kept; edges of others are blurred, or keep fringes"
    )
    distance_mm: float | None = Field(
        None, gt=0, le=1e5, description="from sample to detector; default that of the cone beam"
    )
    energy_kev: float | None = Field(None, ge=5, le=200, description="default: the mean of the beam")
    delta_beta: float | None = Field(None, ge=0, le=1e5, description="default: the material's at this energy")
    reads: ClassVar[Layout] = Layout.PROJECTIONS
    copies: ClassVar[int] = 1


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
    method: Literal["mean", "sorting", "large", "dead", "all", "wavelet"] = Field(
        "mean",
        description="mean: column mean, spares clean slices; sorting, large, dead, all three: Vo 2018; "
        "wavelet: Münch 2009",
    )
    size: int | None = Field(
        None,
        ge=3,
        le=301,
        description="width of the median over columns, in px, default 9 (51 for large and dead); walls thinner than "
        "half of it suffer",
    )
    snr: float = Field(3.0, gt=0, le=100, description="how far a large or dead stripe stands out of the others' spread")
    levels: int = Field(4, ge=1, le=10, description="levels of the wavelet transform: stripes up to 2^levels px wide")
    reads: ClassVar[Layout] = Layout.SINOGRAMS


class HalfAcquisition(Step):
    """Join opposite half views of a full turn, whose axis lies near an edge of the detector, to whole ones."""

    step: Literal["half-acquisition"] = "half-acquisition"
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
    BadPixels,
    DynamicFlats,
    Air,
    Zingers,
    Shifts,
    GlareFloor,
    Deblur,
    PhaseRetrieval,
    Hardening,
    Rings,
    HalfAcquisition,
    Truncation,
    Centre,
    FourierFbp,
    Fbp,
    Fdk,
)
"""Every step there is, in the order in which they can follow one another."""

AnyStep = Annotated[
    FlatField
    | BadPixels
    | DynamicFlats
    | Air
    | Zingers
    | Shifts
    | GlareFloor
    | Deblur
    | PhaseRetrieval
    | Hardening
    | Rings
    | HalfAcquisition
    | Truncation
    | Centre
    | FourierFbp
    | Fbp
    | Fdk,
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
    cone_only = [step for step in steps if isinstance(step, HalfAcquisition | Truncation)]
    if cone_only and isinstance(steps[-1], Fdk):
        name = cone_only[0].model_dump()["step"]
        raise ValueError(f"step {name} is for parallel beam, and fdk for cone beam; take {name} out")
    places = [order[type(step)] for step in steps]
    if places != sorted(places):
        right = [name for _, name in sorted(zip(places, names, strict=True))]
        raise ValueError(f"steps stand in the order {names}; the order that works is {right}")
