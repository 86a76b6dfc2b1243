"""What every part of the configuration is, and the part that says what is measured."""

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Range = tuple[int, int]


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
