"""Long work beside a viewer's window: in threads, one at a time where only the newest answer counts."""

from collections.abc import Callable
from typing import Any

from .run_events import one_line


def in_background(
    work: Callable[[], Any], *, done: Callable[[Any], None], failed: Callable[[], None] = lambda: None
) -> None:
    """Run work in a thread; its answer comes back in the window's own thread, an error as a notification.

    Parameters
    ----------
    work : callable
        What takes long; touches no layer and no widget.
    done : callable
        Takes the answer.
    failed : callable
        Called after an error was shown.
    """
    from napari.qt.threading import create_worker

    def _complain(error: Exception) -> None:
        show_error(error)
        failed()

    worker = create_worker(_guarded, work, _start_thread=False)

    def _returned(answer: tuple[Any, Exception | None]) -> None:
        value, error = answer
        if error is None:
            done(value)
        else:
            _complain(error)

    worker.returned.connect(_returned)
    worker.start()


def _guarded(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """The answer, or the error: an error is an answer here, so that it is shown once and in one line."""
    try:
        return work(), None
    except Exception as error:
        return None, error


def show_error(error: BaseException) -> None:
    """Show an error as a notification of one line.

    Parameters
    ----------
    error : BaseException
        What went wrong.
    """
    from napari.utils.notifications import show_error as notify

    notify(one_line(error))


class Newest:
    """Runs one function in a thread; while it is busy, only the newest question waits.

    Parameters
    ----------
    work : callable
        Takes a question and returns an answer.
    done : callable
        Takes the answer, in the window's thread.
    """

    def __init__(self, work: Callable[..., Any], done: Callable[[Any], None]) -> None:
        self._work, self._done = work, done
        self._waiting: tuple[Any, ...] | None = None
        self.is_busy = False

    def ask(self, *question: Any) -> None:
        """Ask, in the place of any question that still waits.

        Parameters
        ----------
        *question : object
            Arguments of the function.
        """
        self._waiting = question
        if not self.is_busy:
            self._next()

    def _next(self) -> None:
        if self._waiting is None:
            return
        question, self._waiting = self._waiting, None
        self.is_busy = True
        in_background(lambda: self._work(*question), done=self._answer, failed=self._free)

    def _answer(self, answer: Any) -> None:
        self._free()
        self._done(answer)

    def _free(self) -> None:
        self.is_busy = False
        self._next()
