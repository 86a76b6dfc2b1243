"""The configuration of a run: what a YAML file may say, with bounds, units and defaults."""

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ..materials.gases import gas_name
from ..materials.phases import Phase
from .compute import Compute
from .formulas import Formula
from .presets import CELL_PRESETS
from .sections import Alignment, Metrology, Output, Range, Section, Segmentation, TwoGas
from .steps import DEFAULT_CHAIN, AnyStep, Fdk, Step, check_chain


class Filter(Section):
    """A sheet in the beam."""

    formula: Formula
    mm: float = Field(gt=0, le=100)
    density_g_cm3: float | None = Field(None, gt=0, description="default: the element's own")


class Detector(Section):
    """The scintillator that turns X-rays into counts; it weighs the energies of a tube's beam."""

    scintillator: str = Field(description="a known name (gagg, csi, ...) or a formula")
    thickness_um: float = Field(gt=0, le=5000)
    density_g_cm3: float | None = Field(None, gt=0, le=25)


class Source(Section):
    """The beam: a tube with its filters, or one energy."""

    energy_kev: float | None = Field(None, ge=5, le=200)
    tube: Literal["Mo", "W", "Cu", "Rh", "Ag"] | None = None
    kv: float | None = Field(None, ge=10, le=200)
    filters: tuple[Filter, ...] = ()
    detector: Detector | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Source":
        if (self.energy_kev is None) == (self.tube is None):
            raise ValueError("give either energy_kev, or tube and kv")
        if self.tube is not None and self.kv is None:
            raise ValueError(f"tube {self.tube} lacks kv, its voltage in kV")
        return self


class GasFill(Section):
    """The gas in the voids of the cell; pressures are absolute (6 atm on a gauge is 7)."""

    name: str
    pressure_atm: float = Field(1.0, ge=0, le=20)
    temperature_k: float = Field(298.15, ge=150, le=500)

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        gas_name(value)
        return value


class Flats(Section):
    """How the flats were taken: what of the jig and its gas lay in the beam."""

    jig: Literal["in", "out"] = Field("in", description="the jig itself; recorded, as its walls are not known")
    gas: str = Field("none", description="gas along gas_path_mm when the flats were taken")
    pressure_atm: float | None = Field(
        None, ge=0, le=20, description="default: the scan's own for the scan's own gas, else 1"
    )

    @field_validator("gas")
    @classmethod
    def _known(cls, value: str) -> str:
        gas_name(value)
        return value


class Reference(Section):
    """A material whose place in the scan is known, and its µ; ties grey values to cm^-1."""

    name: str
    mu_per_cm: float
    grey: float | None = Field(None, description="its grey value; found from its place where not given")
    region: tuple[Range, Range, Range] | None = Field(
        None, description="[[z0, z1], [y0, y1], [x0, x1]] voxels filled with it"
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, (list, tuple)) and len(value) in (2, 3):
            return dict(zip(("name", "mu_per_cm", "grey"), value, strict=False))
        return value


class Grey(Section):
    """How the grey values of a ready volume stand to µ."""

    unit: Literal["arbitrary", "per_cm"] = "arbitrary"
    references: tuple[Reference, ...] = ()


class Region(Section):
    """The part of a scan to run."""

    rows: Range | None = Field(None, description="[first, last) detector rows")
    columns: Range | None = Field(None, description="[first, last) detector columns")
    bin: int = Field(1, ge=1, le=16, description="pixels averaged along rows and columns")
    views: int = Field(1, ge=1, le=64, description="every n-th projection")

    @model_validator(mode="after")
    def _ordered(self) -> "Region":
        for name in ("rows", "columns"):
            span = getattr(self, name)
            if span is not None and not 0 <= span[0] < span[1]:
                raise ValueError(f"{name} is {list(span)}; give [first, last) with 0 <= first < last")
        return self


class ScanEntry(Section):
    """One scan: raw projections, or a volume that was reconstructed elsewhere."""

    path: Path | None = Field(None, description="raw projections: HDF5 file, TIFF folder or file")
    volume: Path | None = Field(None, description="ready volume: TIFF folder or file, or OME-Zarr")
    voxel_um: float | None = Field(None, gt=0, le=1000)
    grey: Grey = Grey()
    gas: GasFill | None = None
    gas_path_mm: float = Field(0.0, ge=0, description="path through the scan's gas beside the cell (jig)")
    flats: Flats | None = None
    # hints: what the file lacks, or has wrong
    pixel_um: float | None = Field(None, gt=0, le=1000)
    theta_range_deg: tuple[float, float] | None = None
    theta_file: Path | None = None
    energy_kev: float | None = Field(None, ge=5, le=200)
    centre_px: float | None = None
    flat_path: Path | None = None
    dark_path: Path | None = None
    is_line_integral: bool | None = None
    allow_outside: bool = False
    reconstruction: tuple[AnyStep, ...] | None = None
    region: Region | None = None

    @model_validator(mode="after")
    def _one_input(self) -> "ScanEntry":
        if (self.path is None) == (self.volume is None):
            raise ValueError("give either path (raw projections) or volume (slices reconstructed elsewhere)")
        if self.volume is not None and self.grey.unit == "arbitrary" and len(self.grey.references) < 2:
            raise ValueError(
                f"grey has {len(self.grey.references)} references; a volume in arbitrary grey values needs "
                "at least two materials of known µ, or `grey: {unit: per_cm}`"
            )
        if self.reconstruction is not None:
            check_chain(self.reconstruction)
        return self

    def hints(self) -> dict[str, Any]:
        """Return what `open_scan` takes from this entry, without what was not given.

        Returns
        -------
        dict
            Keyword arguments of `xelith.scans.open_scan`.
        """
        names = {
            "pixel_um": self.pixel_um,
            "theta_range_deg": self.theta_range_deg,
            "angles": self.theta_file,
            "energy_kev": self.energy_kev,
            "centre_px": self.centre_px,
            "flats": self.flat_path,
            "darks": self.dark_path,
            "is_line_integral": self.is_line_integral,
            "allow_outside": self.allow_outside or None,
        }
        return {name: value for name, value in names.items() if value is not None}


class MaterialEntry(Section):
    """A material by formula and density."""

    formula: Formula
    density_g_cm3: float = Field(gt=0, le=25)


class Layer(Section):
    """A layer of the cell, by phase; listed from the plated collector to the counter electrode."""

    phase: Literal["collector", "lithium", "carbon", "electrolyte", "void", "counter"]
    formula: Formula | None = None
    density_g_cm3: float | None = Field(None, gt=0, le=25)
    thickness_um: float | None = Field(None, gt=0)


class Cell(Section):
    """The cell: a preset, and whatever differs from it."""

    preset: str | None = None
    inner_diameter_mm: float | None = Field(None, gt=0, le=50)
    outer_diameter_mm: float | None = Field(None, gt=0, le=100)
    casing: MaterialEntry | None = None
    collector: MaterialEntry | None = None
    carbon: MaterialEntry | None = None
    electrolyte: MaterialEntry | None = None
    lithium_at: Literal["collector", "electrolyte", "both", "unknown"] | None = None
    collector_end: Literal["low", "high"] | None = Field(
        None, description="end of z at which the plated collector lies; found where the other end transmits more"
    )
    layers: tuple[Layer, ...] = ()

    @field_validator("preset")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in CELL_PRESETS:
            raise ValueError(f"preset {value!r} is not known; choose from {', '.join(sorted(CELL_PRESETS))}")
        return value

    def materials(self) -> dict[Phase, MaterialEntry]:
        """Return the material of each solid phase: the preset's, overridden by layers and by own entries.

        Returns
        -------
        dict of Phase to MaterialEntry
            Lithium included; phases that the cell does not have are absent.
        """
        found = {
            Phase[name.upper()]: MaterialEntry(formula=formula, density_g_cm3=density)
            for name, (formula, density) in CELL_PRESETS[self.preset or "generic"].materials.items()
        }
        for layer in self.layers:
            if layer.formula and layer.density_g_cm3 and layer.phase not in ("void", "counter"):
                found[Phase[layer.phase.upper()]] = MaterialEntry(
                    formula=layer.formula, density_g_cm3=layer.density_g_cm3
                )
        for name in ("casing", "collector", "carbon", "electrolyte"):
            if (own := getattr(self, name)) is not None:
                found[Phase[name.upper()]] = own
        if self.layers and not any(layer.phase == "carbon" for layer in self.layers):
            found.pop(Phase.CARBON, None)
        return found

    @property
    def inner_diameter_um(self) -> float | None:
        """Bore of the tube in µm: given, or the preset's; None where unknown."""
        millimetres = self.inner_diameter_mm or CELL_PRESETS[self.preset or "generic"].inner_diameter_mm
        return None if millimetres is None else 1e3 * millimetres

    @property
    def plates_in_electrolyte(self) -> bool:
        """Whether lithium is expected inside the electrolyte."""
        return (self.lithium_at or CELL_PRESETS[self.preset or "generic"].lithium_at) in ("electrolyte", "both")

    @property
    def casing_um(self) -> float:
        """Path through both walls of the tube, in µm; 0 where its outer diameter is not given."""
        inner = self.inner_diameter_um
        if inner is None or self.outer_diameter_mm is None:
            return 0.0
        return max(1e3 * self.outer_diameter_mm - inner, 0.0)


class ChargeEntry(Section):
    """The charge that passed: a current density and its duration, a charge, or a cycler file."""

    current_density_ma_per_cm2: float | None = Field(None, gt=0)
    duration_min: float | None = Field(None, gt=0)
    charge_mah: float | None = Field(None, ge=0)
    file: Path | None = Field(None, description="cycler file: Neware, BioLogic, Arbin, Maccor, Novonix or CSV")
    steps: tuple[int, ...] | None = Field(None, description="steps of the file to add up; default all")
    cycles: tuple[int, ...] | None = Field(None, description="cycles of the file to add up; default all")
    plating: Literal["charge", "discharge"] = Field(
        "charge", description="which direction of the cycler plates lithium"
    )
    area_cm2: float | None = Field(None, gt=0)
    area_cm2_std: float = Field(0.0, ge=0)
    current_share_std: float = Field(0.01, ge=0, le=1, description="uncertainty of the charge as a share of it")
    efficiency: float = Field(1.0, gt=0, le=1, description="declared share of the charge that plates lithium")

    @model_validator(mode="after")
    def _one_kind(self) -> "ChargeEntry":
        density = self.current_density_ma_per_cm2 is not None
        if sum((density, self.charge_mah is not None, self.file is not None)) != 1:
            raise ValueError(
                "give one of: current_density_ma_per_cm2 with duration_min; charge_mah with area_cm2; "
                "file with area_cm2"
            )
        if density and self.duration_min is None:
            raise ValueError("current_density_ma_per_cm2 lacks duration_min")
        if not density and self.area_cm2 is None:
            raise ValueError("a charge needs area_cm2, the electrode's area in cm^2, to become a thickness")
        return self


class Config(Section):
    """A run: one cell, scanned in argon, xenon or both."""

    sample: str = Field(min_length=1, max_length=200)
    source: Source | None = None
    scans: dict[str, ScanEntry] = Field(min_length=1)
    cell: Cell = Cell()
    charge: ChargeEntry | None = None
    before: dict[str, ScanEntry] = Field(
        default_factory=dict,
        description="the same cell before charging; what an entry leaves out is taken from the scan of its name",
    )
    reconstruction: tuple[AnyStep, ...] = DEFAULT_CHAIN  # type: ignore[assignment]
    registration: Alignment = Alignment()
    segmentation: Segmentation = Segmentation()
    two_gas: TwoGas = TwoGas()
    metrology: Metrology = Metrology()
    region: Region = Region()
    output: Output = Output()
    compute: Compute = Compute()
    truth: Path | None = Field(None, description="what a simulated cell holds; copied into the results")

    @field_validator("reconstruction")
    @classmethod
    def _runnable(cls, value: tuple[Step, ...]) -> tuple[Step, ...]:
        check_chain(value)
        return value

    @field_validator("scans", "before")
    @classmethod
    def _plain_names(cls, value: dict[str, ScanEntry]) -> dict[str, ScanEntry]:
        for name in value:
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", name):
                raise ValueError(f"scan name {name!r} becomes a file name; use small letters, digits, - and _")
        return value

    @model_validator(mode="after")
    def _own_files(self) -> "Config":
        owner: dict[Path, str] = {}
        for place, entries in (("scans", self.scans), ("before", self.before)):
            for name, entry in entries.items():
                source, key = entry.path or entry.volume, f"{place}.{name}"
                if source is not None and owner.setdefault(source, key) != key:
                    raise ValueError(f"{owner[source]} and {key} both name {source}; give each scan its own files")
        return self

    def recorded_only(self) -> list[str]:
        """Name what is given and recorded, but changes no number.

        Returns
        -------
        list of str
            Dotted keys.
        """
        found = []
        for name, entry in self.scans.items():
            if entry.volume is not None and entry.gas_path_mm > 0:
                found.append(f"scans.{name}.gas_path_mm")
            if entry.flats is not None and (entry.flats.jig == "out" or entry.volume is not None):
                found.append(f"scans.{name}.flats")
        return found

    def chain(self, scan: str, *, is_cone: bool = False) -> tuple[Step, ...]:
        """Return the reconstruction steps of one scan: its own list, or the common one.

        Parameters
        ----------
        scan : str
            Key in `scans`.
        is_cone : bool
            Whether its beam is a cone: where the configuration lists no steps, such a scan ends in fdk.

        Returns
        -------
        tuple of Step
            In the order in which they run.
        """
        steps: tuple[Step, ...] = self.scans[scan].reconstruction or self.reconstruction
        if is_cone and steps == DEFAULT_CHAIN:
            return (*steps[:-1], Fdk())
        return steps
