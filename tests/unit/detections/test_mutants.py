"""The examples notice a change of the decision: each comparison, condition and severity of an assess, turned round."""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Iterator, Mapping
from types import CodeType, ModuleType
from typing import Any

import pytest

from handlers.alerting.catalogue import assessed
from handlers.alerting.detection import Concern, Detection
from handlers.alerting.pattern import compile_pattern
from handlers.alerting.severity import Severity
from handlers.detections import CATALOGUE
from tests.unit.detections.examples import FOLDER, read_examples

_OPPOSITE: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
}

# A change that no event can show: detection and the source of the changed place -> why.
_EQUIVALENT: Mapping[tuple[str, str], str] = {
    ("admin-session-started", "word in arn"): "the pattern has asked the same before",
    ("cis-unauthorized-api-calls", "word in code"): "the pattern has asked the same before",
}


def _turned(node: ast.AST) -> ast.AST | None:
    """The node, meaning the opposite; None for a node that decides nothing."""
    turned = copy.deepcopy(node)
    match turned:
        case ast.Compare(ops=[operator]):
            turned.ops = [_OPPOSITE[type(operator)]()]
        case ast.BoolOp(op=ast.And()):
            turned.op = ast.Or()
        case ast.BoolOp(op=ast.Or(), values=[ast.Constant() | ast.Compare() | ast.Call(), *_]):
            turned.op = ast.And()
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
        case ast.IfExp():
            turned.body, turned.orelse = turned.orelse, turned.body
        case ast.Attribute(value=ast.Name(id="Severity"), attr=name):
            turned.attr = Severity(Severity[name] % 5 + 1).name
        case _:
            return None
    return turned


def _is_data_sheet(node: ast.AST) -> bool:
    """Detection(...) itself: its severity is checked against the examples by another test."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Detection"


def _mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """Each change's place in words, and the module with that one change."""
    tree = ast.parse(source)
    skipped = {id(part) for node in ast.walk(tree) if _is_data_sheet(node) for part in ast.walk(node)}
    places = [node for node in ast.walk(tree) if id(node) not in skipped and _turned(node) is not None]
    for number, place in enumerate(places):
        changed = ast.parse(source)
        twin = next(new for old, new in zip(ast.walk(tree), ast.walk(changed), strict=True) if old is place)
        turned = _turned(twin)
        assert turned is not None
        _Replace(twin, turned).visit(changed)
        ast.fix_missing_locations(changed)
        yield f"{ast.unparse(place)} (line {getattr(place, 'lineno', number)})", changed


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self._new if node is self._old else self.generic_visit(node)


def _results(detection: Detection) -> list[object]:
    """What every example comes to, as far as people would notice."""
    matches = compile_pattern(detection.pattern)
    results: list[object] = []
    for example in read_examples(detection):
        if not matches(example.event.envelope):
            continue
        outcome = assessed(detection, example.event, example.lookups)
        verdict = outcome.verdict
        results.append(verdict if isinstance(verdict, Concern) else type(outcome.error))
    return results


@pytest.mark.parametrize("detection", CATALOGUE, ids=lambda detection: detection.id)
def test_each_decision_turned_round_is_noticed_by_an_example(detection: Detection) -> None:
    file = FOLDER / detection.folder / "detection.py"
    expected = _results(detection)
    unnoticed = []
    count = 0
    for place, module in _mutants(file.read_text()):
        count += 1
        names: dict[str, Any] = {"__name__": f"handlers.detections.{detection.folder}.detection"}
        try:
            exec(compile(module, str(file), "exec"), names)
            results = _results(names[detection.folder.upper()])
        except Exception:  # a module that no longer works is noticed
            continue
        if results == expected and (detection.id, place.rpartition(" (line")[0]) not in _EQUIVALENT:
            unnoticed.append(place)
    assert count >= 1
    assert unnoticed == [], "\n".join(unnoticed)


# In the order in which they import one another.
_SHARED = ("calls", "words", "root", "selectors", "grants", "changes", "blinding", "watched", "posture")
_CODE = {
    name: compile((FOLDER / file).read_text(), str(FOLDER / file), "exec")
    for name, file in (
        *((f"handlers.detections.{name}", f"{name}.py") for name in _SHARED),
        *(
            (f"handlers.detections.{detection.folder}.detection", f"{detection.folder}/detection.py")
            for detection in CATALOGUE
        ),
    )
}


def _catalogue_with(monkeypatch: pytest.MonkeyPatch, shared: str, changed: CodeType) -> list[Detection]:
    """Every detection made anew, with one shared module changed."""
    for name in _SHARED:
        module = ModuleType(f"handlers.detections.{name}")
        monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look their module up while it is made
        exec(changed if name == shared else _CODE[module.__name__], module.__dict__)
        monkeypatch.setattr(f"handlers.detections.{name}", module, raising=False)
    made = []
    for detection in CATALOGUE:
        name = f"handlers.detections.{detection.folder}.detection"
        names: dict[str, Any] = {"__name__": name}
        exec(_CODE[name], names)
        made.append(names[detection.folder.upper()])
    return made


@pytest.mark.parametrize("shared", _SHARED)
def test_each_decision_of_a_shared_module_turned_round_is_noticed_by_an_example(
    shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [_results(detection) for detection in CATALOGUE]
    unnoticed = []
    for place, tree in _mutants((FOLDER / f"{shared}.py").read_text()):
        with monkeypatch.context() as patch:
            try:
                made = _catalogue_with(patch, shared, compile(tree, shared, "exec"))
            except Exception:  # a module that no longer works is noticed
                continue
            results = (_results(detection) for detection in made)
            if all(new == old for new, old in zip(results, expected, strict=True)):
                unnoticed.append(place)
    assert unnoticed == [], "\n".join(unnoticed)
