"""`make bench`: every figure is a ratio of two things measured alternately in this one run; times are only for orientation."""

from __future__ import annotations

import sys

from . import cold, reading, start
from .pairs import Ratio


def main() -> int:
    ratios: list[Ratio] = []
    for part in (reading, cold, start):
        for ratio in part.measure():
            print(ratio, flush=True)
            ratios.append(ratio)
    return 0 if all(ratio.kept for ratio in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
