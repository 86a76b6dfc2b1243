"""The phases: integers that files hold, a colour each."""

from xelith.materials import COLOURS, NOT_LABELLED, Phase


def test_integers_never_change():
    assert [(phase.name, int(phase)) for phase in Phase] == [
        ("OUTSIDE", 0),
        ("VOID", 1),
        ("LITHIUM", 2),
        ("CARBON", 3),
        ("ELECTROLYTE", 4),
        ("COLLECTOR", 5),
        ("CASING", 6),
    ]
    assert NOT_LABELLED not in set(Phase)


def test_every_phase_has_its_own_colour():
    assert set(COLOURS) == set(Phase)
    assert len(set(COLOURS.values())) == len(Phase)
