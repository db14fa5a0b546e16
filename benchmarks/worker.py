"""One library in a process of its own: reads ``task repeats`` lines, answers seconds a call."""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

import numpy as np


def numbers(x: Any) -> list[float]:
    """All numbers of a result, for comparison between libraries."""
    if isinstance(x, (list, tuple)):
        return [n for item in x for n in numbers(item)]
    return np.asarray(x).ravel().tolist()


def main() -> None:
    tasks = importlib.import_module(sys.argv[1]).tasks()
    print(json.dumps(list(tasks)), flush=True)
    for line in sys.stdin:
        name, repeats = json.loads(line)
        if repeats == 0:
            print(json.dumps(numbers(tasks[name]())), flush=True)
            continue
        run = tasks[name]
        run()
        begin = time.perf_counter()
        for _ in range(repeats):
            run()
        print((time.perf_counter() - begin) / repeats, flush=True)


if __name__ == "__main__":
    main()
