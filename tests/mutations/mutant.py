"""What a planted bug is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """One bug: what is replaced by what, and the tests of which at least one must fail.

    Each edit is an old text, which stands in its file exactly once, and the new one; when the code moves on, the
    mutant has to follow.
    """

    name: str
    path: str
    edits: list[tuple[str, str]]
    tests: tuple[str, ...]

    def mutate(self, text: str) -> str:
        """Return a file's text with the bug in it.

        :raises ValueError: the code is no longer what it was when the bug was written.
        """
        for old, new in self.edits:
            found = text.count(old)
            if found != 1:
                raise ValueError(f"{self.name}: stands {found} times in {self.path}, not once: {old!r}")
            text = text.replace(old, new)
        if self.path.endswith(".py"):
            compile(text, self.path, "exec")  # a file that does not load fails every test and proves nothing
        return text

    @property
    def changes_database(self) -> bool:
        """Say whether the bug is in a migration, so that the database has to be made anew."""
        return "/migrations/" in self.path

    @contextmanager
    def planted(self, root: Path) -> Iterator[None]:
        """Have the bug in the repository at `root` while this block runs."""
        file = root / self.path
        text = file.read_text()
        file.write_text(self.mutate(text))
        try:
            yield
        finally:
            file.write_text(text)
