"""What every part of the configuration is, and the part that says what is measured."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Range = tuple[int, int]
GreyPhase = Literal["void", "lithium", "carbon", "electrolyte", "collector", "casing"]


class Section(BaseModel):
    """A part of the configuration: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)


class CarbonUptake(Section):
    """What the carbon may take up, as declared; it enters the balance marked as declared, never as measured."""

    capacity_mah_per_g: float = Field(ge=0, le=4000, description="charge that a gram of the carbon takes up")
    capacity_std_mah_per_g: float = Field(0.0, ge=0)
    loading_mg_per_cm2: float | None = Field(None, ge=0, le=100, description="carbon over electrode area")
    loading_std_mg_per_cm2: float = Field(0.0, ge=0)
    thickness_um: float | None = Field(None, gt=0, description="thickness of the layer, in place of its loading")
    density_g_cm3: float | None = Field(None, gt=0, le=3, description="density of the layer with its pores")

    @model_validator(mode="after")
    def _one_loading(self) -> "CarbonUptake":
        layer = self.thickness_um is not None and self.density_g_cm3 is not None
        if layer == (self.loading_mg_per_cm2 is not None):
            raise ValueError("give either loading_mg_per_cm2, or thickness_um and density_g_cm3")
        return self


class Metrology(Section):
    """What is measured, and over which area."""

    area_cm2: float | None = Field(None, gt=0, description="electrode area; default: the bore of the tube")
    area_cm2_std: float = Field(0.0, ge=0, description="standard deviation of area_cm2")
    voxel_share_std: float = Field(0.002, ge=0, le=0.2, description="uncertainty of the voxel's edge as a share of it")
    carbon: CarbonUptake | None = Field(None, description="declared capacity of the carbon")
    carbon_porosity: float | None = Field(
        None, gt=0, lt=1, description="open pores of the carbon before charging, declared; with `before`, its filling"
    )
    carbon_porosity_std: float = Field(0.0, ge=0, lt=1)
    regions: dict[str, tuple[Range, Range]] = Field(
        default_factory=dict, description="parts of the electrode to measure apart: name: [[y0, y1], [x0, x1]] voxels"
    )

    @field_validator("regions")
    @classmethod
    def _ordered(cls, value: dict[str, tuple[Range, Range]]) -> dict[str, tuple[Range, Range]]:
        for name, spans in value.items():
            if any(not 0 <= first < last for first, last in spans):
                raise ValueError(f"region {name} is {[list(s) for s in spans]}; give [first, last) with first < last")
        return value


class Alignment(Section):
    """How the argon scan is brought into register with the xenon scan."""

    method: Literal["auto", "none"] = Field("auto", description="auto: rigid, on the electrolyte; none: taken as it is")


class Segmentation(Section):
    """How voxels become phases."""

    method: Literal["auto", "two-gas", "thresholds", "unet", "none"] = Field(
        "auto", description="auto: two-gas where both gases are there, else thresholds; unet: the network names phases"
    )
    denoise: Literal["none", "tv"] = Field(
        "none",
        description="tv: void, lithium and carbon are told apart in µ smoothed by its total variation; surfaces "
        "and amounts come from µ as it is. Not for unet; docs/benchmarks/denoising.md says where it helps",
    )
    weights: Path | None = Field(None, description="weights that `xelith train` wrote, for unet; default those shipped")
    levels: dict[Literal["argon", "xenon"], dict[GreyPhase, float]] = Field(
        default={},
        description="µ in cm^-1 that a phase reads in a gas, where it is known better than the scan tells; thresholds "
        "lie halfway between",
    )

    @model_validator(mode="after")
    def _thresholds_denoise(self) -> "Segmentation":
        if self.denoise != "none" and self.method in ("unet", "none"):
            raise ValueError(
                f"denoise is {self.denoise} and method {self.method}; it serves the thresholds: leave one of them out"
            )
        return self


class TwoGas(Section):
    """Electrolyte and gas from an argon and a xenon scan, decomposed ray by ray."""

    decompose: Literal["auto", "on", "off"] = Field(
        "auto",
        description="auto: where both scans are there as parallel-beam projections and beam and electrolyte are known; "
        "on: the run stops with the reason where it cannot be done",
    )
    block_std: float = Field(
        0.03, gt=0, le=1, description="standard deviation of lithium's share that blocks are made large enough for"
    )


class Output(Section):
    """What is written."""

    levels: int = Field(5, ge=1, le=8, description="most levels of the pyramid")
    keep_scratch: bool = False
    publish: str | None = Field(
        None, pattern=r"^s3://[^\s]+$", description="folder of an S3 store that gets a copy, s3://bucket/name"
    )
