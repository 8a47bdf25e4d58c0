"""Pieces of finished HTML, kept out of the way of the patterns that run over the rest of a line."""

import re

_MARK = re.compile("\ue000(\\d+)\ue001")


def without_marks(text: str) -> str:
    """Drop the private-use characters that mark a piece, so that no text can name one by itself."""
    return text.replace("\ue000", "").replace("\ue001", "")


class Aside:
    """The pieces of one line, each behind a mark that no pattern matches."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def put(self, html: str) -> str:
        self._pieces.append(html)
        return f"\ue000{len(self._pieces) - 1}\ue001"

    def restore(self, html: str) -> str:
        """Put every piece back, also those within other pieces (code in the label of a link)."""
        return _MARK.sub(lambda mark: self.restore(self._pieces[int(mark[1])]), html)
