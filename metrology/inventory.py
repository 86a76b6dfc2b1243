"""The lithium balance: what was found where, against what the charge predicts."""

from dataclasses import dataclass
from math import hypot
from typing import Literal

from .coulometry import Charge

Verdict = Literal["consistent", "not-consistent", "not-measured"]
Finding = Literal["film", "lithium-in-electrolyte", "mixed-zone", "lithium-in-carbon", "shorted"]

TERMS = ("film", "in_electrolyte", "mixed_zone", "in_carbon", "isolated")
SIGMAS = 2.0

_FINDINGS: tuple[tuple[Finding, tuple[str, ...]], ...] = (
    ("film", ("film",)),
    ("lithium-in-electrolyte", ("in_electrolyte", "isolated")),
    ("mixed-zone", ("mixed_zone",)),
    ("lithium-in-carbon", ("in_carbon",)),
)


@dataclass(frozen=True)
class Amount:
    """Lithium as a layer over the electrode area in view.

    Parameters
    ----------
    um : float
        Volume of lithium over area, in µm. May be negative where it is a difference within its noise.
    std_um : float or None
        Standard deviation in µm; None where unknown.
    is_declared : bool
        True if the value was declared (a capacity of the carbon) and not measured in a scan.
    """

    um: float
    std_um: float | None = None
    is_declared: bool = False


@dataclass(frozen=True)
class ErrorShare:
    """One cause of uncertainty of the balance.

    Parameters
    ----------
    name : str
        The cause.
    std_um : float
        Standard deviation that it alone would give, in µm.
    share : float
        Its share of the whole variance, dimensionless; all shares add up to 1.
    """

    name: str
    std_um: float
    share: float


@dataclass(frozen=True)
class Balance:
    """Where the lithium lies, and whether it adds up; every term over the same electrode area in view.

    Parameters
    ----------
    film_um, in_electrolyte_um, mixed_zone_um, in_carbon_um, isolated_um : float or None
        Lithium volume over area in µm; None where not measured. No lithium is counted twice.
    film_um_std, in_electrolyte_um_std, mixed_zone_um_std, in_carbon_um_std, isolated_um_std : float or None
        Standard deviations in µm; None where unknown.
    measured_um : float or None
        Sum of the terms that are not None, in µm; None if there is none.
    measured_um_std : float or None
        Its standard deviation in µm, the terms taken as independent; None where no term has one.
    missing : tuple of str
        Names of the terms that are None, as keys of this record.
    declared : tuple of str
        Names of the terms that were declared and not measured.
    closure : float or None
        `measured_um` over the expected thickness, dimensionless; None without a charge or with charge 0.
    verdict : {"consistent", "not-consistent", "not-measured"}
        Whether measured and expected agree within two standard deviations of their difference;
        "not-measured" if there is no charge, no film, or no uncertainty to judge by.
    finding : str or None
        Where most of the lithium is: "shorted" if it bridges the electrolyte, else the largest of film,
        electrolyte (isolated lithium included), mixed zone and carbon; None if none stands out of its noise.
    advice : tuple of str
        What would settle what is missing, in words.
    """

    film_um: float | None
    in_electrolyte_um: float | None
    mixed_zone_um: float | None
    in_carbon_um: float | None
    isolated_um: float | None
    measured_um: float | None
    measured_um_std: float | None
    missing: tuple[str, ...]
    closure: float | None
    verdict: Verdict
    finding: Finding | None
    film_um_std: float | None = None
    in_electrolyte_um_std: float | None = None
    mixed_zone_um_std: float | None = None
    in_carbon_um_std: float | None = None
    isolated_um_std: float | None = None
    declared: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


def balance(
    charge: Charge | None,
    *,
    film: Amount | None = None,
    in_electrolyte: Amount | None = None,
    mixed_zone: Amount | None = None,
    in_carbon: Amount | None = None,
    isolated: Amount | None = None,
    is_shorted: bool = False,
) -> Balance:
    """Add up the lithium that was found and hold it against the charge.

    The charge enters only `closure` and `verdict`; no measured number depends on it.

    Parameters
    ----------
    charge : Charge or None
        What `charge_of_density` or `charge_over_area` returned; None where no charge is known.
    film : Amount, optional
        Lithium of the film between electrolyte and collector.
    in_electrolyte : Amount, optional
        Lithium in the electrolyte that is connected to the film.
    mixed_zone : Amount, optional
        Lithium finer than a voxel, mixed with electrolyte.
    in_carbon : Amount, optional
        Lithium taken up by the carbon and its pores.
    isolated : Amount, optional
        Lithium in the electrolyte that is not connected to the film.
    is_shorted : bool
        True if connected lithium bridges the electrolyte.

    Returns
    -------
    Balance
        The terms, their sum, closure, verdict and finding.
    """
    terms = dict(zip(TERMS, (film, in_electrolyte, mixed_zone, in_carbon, isolated), strict=True))
    known = {name: amount for name, amount in terms.items() if amount is not None}
    stds = [amount.std_um for amount in known.values() if amount.std_um is not None]
    measured = sum(amount.um for amount in known.values()) if known else None
    measured_std = hypot(*stds) if stds else None
    expected = charge.expected_thickness_um if charge is not None else None
    values = {f"{name}_um": None if amount is None else amount.um for name, amount in terms.items()}
    spreads = {f"{name}_um_std": None if amount is None else amount.std_um for name, amount in terms.items()}
    return Balance(
        **values,
        **spreads,
        measured_um=measured,
        measured_um_std=measured_std,
        missing=tuple(f"{name}_um" for name in TERMS if terms[name] is None),
        declared=tuple(f"{name}_um" for name, amount in known.items() if amount.is_declared),
        closure=measured / expected if measured is not None and expected else None,
        verdict=_verdict(charge, terms["film"], measured, measured_std),
        finding="shorted" if is_shorted else _finding(known),
        advice=_advice(charge, terms),
    )


def error_budget(variances_um2: dict[str, float]) -> tuple[ErrorShare, ...]:
    """Rank the causes of uncertainty by their share of the variance.

    Parameters
    ----------
    variances_um2 : dict of str to float
        Variance that each independent cause adds, in µm^2, for instance `dict(charge.variances_um2)`
        together with the squared standard deviations of the terms.

    Returns
    -------
    tuple of ErrorShare
        Largest first. Empty if nothing was given or all variances are zero.

    Raises
    ------
    ValueError
        If a variance is negative or not finite.
    """
    for name, variance in variances_um2.items():
        if not 0 <= variance < float("inf"):
            raise ValueError(f"the variance of {name} is {variance} µm^2; give a finite one of zero or more")
    total = sum(variances_um2.values())
    if total == 0:
        return ()
    ranked = sorted(variances_um2.items(), key=lambda item: -item[1])
    return tuple(ErrorShare(name, variance**0.5, variance / total) for name, variance in ranked)


def _verdict(charge: Charge | None, film: Amount | None, measured: float | None, measured_std: float | None) -> Verdict:
    if charge is None or film is None or measured is None:
        return "not-measured"
    std = hypot(measured_std or 0.0, charge.expected_thickness_um_std or 0.0)
    if std == 0:
        return "not-measured"
    difference = abs(measured - charge.expected_thickness_um)
    return "consistent" if difference <= SIGMAS * std else "not-consistent"


def _finding(known: dict[str, Amount]) -> Finding | None:
    largest: tuple[float, Finding | None] = (0.0, None)
    for finding, names in _FINDINGS:
        parts = [known[name] for name in names if name in known]
        um = sum(part.um for part in parts)
        noise = SIGMAS * hypot(*(part.std_um or 0.0 for part in parts))
        if um > max(noise, largest[0]):
            largest = um, finding
    return largest[1]


_REMEDIES = {
    "film": "the film was not measured: label lithium, or give a scan in which it can be told from void",
    "in_electrolyte": "lithium in the electrolyte needs a scan before charging, or undisturbed electrolyte "
    "at the same radius",
    "mixed_zone": "the mixed zone needs a gas pair decomposed ray by ray, and undisturbed electrolyte",
    "in_carbon": "lithium in carbon needs the declared capacity of the carbon, or two gases before and after",
    "isolated": "isolated lithium needs a scan before charging, to tell it from closed pores",
}


def _advice(charge: Charge | None, terms: dict[str, Amount | None]) -> tuple[str, ...]:
    advice = [_REMEDIES[name] for name, amount in terms.items() if amount is None]
    if charge is None:
        advice.append("no charge is known: give current density and duration, or the cycler's file")
    known = [amount for amount in terms.values() if amount is not None]
    spread = [amount.std_um for amount in known] + ([charge.expected_thickness_um_std] if charge else [])
    if known and not any(spread):
        advice.append("no uncertainty is known, so agreement cannot be judged: give that of the area or the film")
    return tuple(advice)
