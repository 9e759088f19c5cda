"""One call at a time, in a thread of its own; whoever asks meanwhile waits for the same one, in a thread or in a task."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Flight(Generic[T]):
    """A call that is never under way twice. `join` starts it, or finds it under way."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._future: Future[T] = Future()

    def join(self) -> Future[T]:
        """The outcome of the call that is under way from now on. Threads wait with `.result()`, tasks with `wrap_future`."""
        with self._lock:
            # After a fork the thread is not alive in the child, whatever it was about to do.
            if self._thread is None or not self._thread.is_alive() or self._future.done():
                self._future = Future()
                # A task that is cancelled stops waiting; it does not stop the call for the others.
                self._future.set_running_or_notify_cancel()
                self._thread = threading.Thread(target=self._run, args=(self._future,), daemon=True)
                self._thread.start()
            return self._future

    def _run(self, future: Future[T]) -> None:
        try:
            future.set_result(self._call())
        except BaseException as fault:  # whatever it is, those who wait are told
            future.set_exception(fault)
