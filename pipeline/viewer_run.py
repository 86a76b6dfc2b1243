"""Run from here: the configuration as it stands now, in a thread; only what depends on a change is done again."""

from typing import Any

from magicgui.widgets import Container, Label, PushButton

from .viewer_session import Session, session_of
from .viewer_working import in_background


class RunWidget(Container):
    """Run the configuration again and show what came out.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer; a run must be open in it.
    """

    def __init__(self, napari_viewer: Any) -> None:
        self._viewer = napari_viewer
        self._session: Session = session_of(napari_viewer)
        self.balance = Label(value=balance_text(self._session.results))
        self.start = PushButton(text="run from here")
        self.state = Label(value="")
        super().__init__(widgets=[self.balance, self.start, self.state])
        self.start.clicked.connect(self.run)

    def run(self) -> None:
        """Run, in a thread; the layers are read anew when it is done."""
        from qtpy.QtCore import QObject, Signal

        from .run import run_config

        class _Told(QObject):
            text = Signal(str)

        told = _Told()
        told.text.connect(lambda text: setattr(self.state, "value", text))
        self._told = told  # lives as long as the run
        self.start.enabled = False
        session = self._session

        def _advance(stage: str, done: int, total: int) -> None:
            told.text.emit(f"{stage}: {done} of {total}")

        in_background(
            lambda: run_config(session.config_path, session.folder, advance=_advance),
            done=self._finished,
            failed=self._failed,
        )

    def _finished(self, results: dict[str, Any]) -> None:
        from .viewer import show_folder

        self.start.enabled = True
        self.balance.value = balance_text(results)
        self.state.value = "done"
        show_folder(self._viewer, self._session.folder)

    def _failed(self) -> None:
        self.start.enabled = True
        self.state.value = "stopped"


def balance_text(results: dict[str, Any]) -> str:
    """Say the balance in two lines, with the same words and digits as report and terminal.

    Parameters
    ----------
    results : dict
        Content of results.json.

    Returns
    -------
    str
        Verdict, measured, expected and closure.
    """
    from .quantities import percent, quantity
    from .summary import section, verdict_text

    if not results:
        return "no results yet"
    balance, charge = section(results, "balance"), section(results, "coulometry")
    measured = quantity(balance.get("measured_um"), balance.get("measured_um_std"), "µm")
    expected = quantity(charge.get("expected_thickness_um"), charge.get("expected_thickness_um_std"), "µm")
    closure = percent(balance.get("closure"), balance.get("closure_std"))
    return f"{verdict_text(results)}\nmeasured {measured}, expected {expected}, closure {closure}"
