import pytest

from xelith.materials import Phase
from xelith.segmentation import CellLayout


def test_phases_are_put_in_the_order_of_the_stack():
    layout = CellLayout.of([Phase.CASING, Phase.ELECTROLYTE, Phase.COLLECTOR], inner_diameter_um=1000.0)
    assert layout.order == (Phase.COLLECTOR, Phase.LITHIUM, Phase.ELECTROLYTE)
    assert not layout.has_carbon
    assert layout.has_collector
    assert layout.has_electrolyte


@pytest.mark.parametrize(
    ("order", "diameter", "message"),
    [
        ((Phase.LITHIUM, Phase.LITHIUM), None, "at most once"),
        ((Phase.LITHIUM, Phase.CASING), None, "list each of collector"),
        ((Phase.CARBON,), None, "must be among them"),
        ((Phase.LITHIUM,), 0.0, "wider than 0"),
    ],
)
def test_impossible_layouts_are_refused(order, diameter, message):
    with pytest.raises(ValueError, match=message):
        CellLayout(order, diameter)


def test_dark_bodies_are_void_or_lithium():
    with pytest.raises(ValueError, match="give void or lithium"):
        CellLayout(dark_in_electrolyte=Phase.CARBON)
