"""What an engine counts of its own work, for whoever watches it: one step for each batch, none for a question."""

from gatepost.tally import SECONDS, SIZES, Tally


class Figures:
    """Batches of questions that were committed: how many questions each had, and how long it took until it was durable.

    `waiting` and `connections` are as of the moment somebody looks; `kept` and `looked_up` count the
    reads that `recent` answered by itself and those it had to ask the database.
    """

    __slots__ = ("commits", "connections", "kept", "looked_up", "sizes", "waiting")

    def __init__(self) -> None:
        self.commits = Tally(SECONDS)
        self.sizes = Tally(SIZES)
        self.waiting = 0
        self.connections = 0
        self.kept = 0
        self.looked_up = 0

    def note_batch(self, questions: int, seconds: float) -> None:
        """Count a batch that was committed."""
        self.sizes.note(questions)
        self.commits.note(seconds)
