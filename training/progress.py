"""How far a training is: the lines that it writes and its parent process reads back."""

import re
from dataclasses import dataclass

LINE = re.compile(
    r"step (?P<step>\d+)/(?P<steps>\d+)"
    r"(?:  loss (?P<loss>\S+)  (?P<speed>[\d,]+) tokens/s  (?P<left>\S+) left)?$"
)


@dataclass(frozen=True)
class Progress:
    """One line; loss, speed and time left are unknown at the beginning."""

    step: int
    steps: int
    loss: float | None = None
    tokens_per_s: float = 0.0
    left_s: float = 0.0

    def line(self) -> str:
        """For people, and for `parse`."""
        line = f"step {self.step}/{self.steps}"
        if self.loss is None:
            return line
        return f"{line}  loss {self.loss:.4f}  {self.tokens_per_s:,.0f} tokens/s  {self.left} left"

    @property
    def left(self) -> str:
        """The time left as hours, minutes and seconds."""
        minutes, seconds = divmod(round(self.left_s), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"

    @property
    def note(self) -> str:
        """What stands beside a progress bar that counts the steps itself."""
        if self.loss is None:
            return ""
        left = f", {self.left} left" if self.left_s else ""
        return f"loss {self.loss:.3f}, {self.tokens_per_s:,.0f} tokens/s{left}"


def parse(line: str) -> Progress | None:
    """The progress that a line of a training's output tells of, if it does."""
    match = LINE.match(line.strip())
    if match is None:
        return None
    step, steps = int(match["step"]), int(match["steps"])
    if match["loss"] is None:
        return Progress(step, steps)
    left_s = 0
    for part in match["left"].split(":"):
        left_s = left_s * 60 + int(part)
    return Progress(
        step, steps, float(match["loss"]), float(match["speed"].replace(",", "")), left_s
    )
