"""A question as Athena's console saves it: its parameters written out, to be changed by whoever runs it."""

from __future__ import annotations

from audit.engines import used_parameters, written_out
from audit.questions import Parameter, Question

DESCRIPTION_LENGTH = 1_024  # Athena API reference, CreateNamedQuery
_DAYS = 30
_NOW = "current_timestamp AT TIME ZONE 'UTC'"


def saved_query(question: Question, *, account: str = "") -> str:
    """The question over the last 30 days, as text that Athena runs as it is; `account` where one has to be named.

    Athena folds the times before it looks for folders, so that only those of the period are read.
    """
    before = int(next((item.default or 0 for item in question.parameters if item.name == "history"), 0)) + _DAYS
    texts: dict[str, object] = {
        "from_time": _time(_DAYS),
        "to_time": _time(0),
        "from_day": _day(_DAYS),
        "to_day": _day(-1),  # a file is written after its events, maybe the next day
        "history_time": _time(before),
        "history_day": _day(before),
        "account": (f"'{account}'",) if account else (),
        "region": (),
    }
    texts |= {item.name: _literal(item) for item in question.parameters}
    head = [question.title(), question.answers()]
    head.append(f"Of the last {_DAYS} days: change the {_DAYS} for more or fewer, wherever it stands.")
    used = used_parameters(question.sql)
    head += [
        f"{item.name} = {_literal(item)}: {item.comment}"
        for item in question.parameters
        if item.name in used and item.name != "history"
    ]
    comments = "\n".join(f"-- {line}" for line in head)
    return f"{comments}\n{written_out(question.sql, texts)}\n"


def _time(days: int) -> str:
    return f"date_format(date_add('day', {-days}, {_NOW}), '%Y-%m-%dT%H:%i:%sZ')"


def _day(days: int) -> str:
    return f"date_format(date_add('day', {-days}, {_NOW}), '%Y/%m/%d')"


def _literal(parameter: Parameter) -> str:
    if parameter.type == "bigint":
        return str(int(parameter.default or 0))
    text = f"<{parameter.name}>" if parameter.default is None else parameter.default
    return "'" + text.replace("'", "''") + "'"
