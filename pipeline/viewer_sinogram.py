"""A sinogram in a dock, with the rotation axis on it."""

import numpy as np

from .figures import INK
from .live_slice import LiveSlice

MOST_VIEWS = 800


class SinogramPicture:
    """Line integrals over view and detector column, and the axis as a line."""

    def __init__(self) -> None:
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
        from matplotlib.figure import Figure

        self.canvas = FigureCanvasQTAgg(Figure(figsize=(4.0, 3.2), layout="constrained"))
        self.canvas.setMinimumHeight(240)
        self._axes = self.canvas.figure.add_subplot()
        self._axes.set(xlabel="detector column (px)", ylabel="view")
        self._line = self._axes.axvline(0, color="#d55e00", linewidth=1.2, visible=False)

    def show(self, slice_: LiveSlice) -> None:
        """Draw the sinogram of a slice.

        Parameters
        ----------
        slice_ : LiveSlice
            Its row, after the first pass.
        """
        step = max(1, len(slice_.sinogram) // MOST_VIEWS)
        values = slice_.sinogram[::step]
        n_theta, n_cols = slice_.sinogram.shape
        left, right = (slice_.selection.full_px(c) for c in (-0.5, n_cols - 0.5))
        low, high = np.percentile(values, (1, 99))
        for image in list(self._axes.images):
            image.remove()
        extent = (left, right, n_theta - 0.5, -0.5)
        self._axes.imshow(values, cmap="gray", vmin=low, vmax=high, extent=extent, aspect="auto")
        self._axes.set_title(f"row {slice_.row}, line integrals", color=INK, fontsize=9)
        self.canvas.draw_idle()

    def mark(self, centre_px: float) -> None:
        """Draw the axis.

        Parameters
        ----------
        centre_px : float
            Its column on the whole detector.
        """
        self._line.set(xdata=[centre_px] * 2, visible=True)
        self.canvas.draw_idle()
