"""`make bench`: performance as ratios measured in one run, never as promises about another machine."""

from __future__ import annotations

import importlib
import pkgutil

import tests.bench


def main() -> None:
    for module in sorted(pkgutil.iter_modules(tests.bench.__path__), key=lambda item: item.name):
        if module.name.startswith("bench_"):
            importlib.import_module(f"tests.bench.{module.name}").main()
            print()


main()
