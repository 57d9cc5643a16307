"""How long the judge of policies takes against the obvious way: `python -m tests.bench.bench_privilege`.

The obvious way matches every pattern of every statement with every sensitive action, one pair at a time. It is given
the textbook's matcher that keeps to one star at a time, not a regular expression: on `*a*a*a*` that one would not come
back. It decides less (which actions are allowed on which resources, no paths), so the ratio flatters it.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

from handlers.alerting.privilege import judge_managed_policy, judge_policy
from handlers.alerting.privilege.tables import managed_policies, table

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LIMIT_MS = 50.0


def naive_match(pattern: str, word: str) -> bool:
    at = place = 0
    star, mark = -1, 0
    while at < len(word):
        if place < len(pattern) and pattern[place] == "*":
            star, mark = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in {"?", word[at]}:
            at, place = at + 1, place + 1
        elif star >= 0:
            mark += 1
            at, place = mark, star + 1
        else:
            return False
    return not pattern[place:].strip("*")


def naive(document: str, actions: Iterable[str], arns: Iterable[str]) -> dict[str, set[str]]:
    """Which sensitive actions are allowed on which sample resources, pair by pair."""
    allowed: dict[str, set[str]] = {arn: set() for arn in arns}
    denied: dict[str, set[str]] = {arn: set() for arn in allowed}
    listed = json.loads(document)["Statement"]
    for statement in listed if isinstance(listed, list) else [listed]:
        found = _matching(statement, "Action", actions, str.lower)
        where = _matching(statement, "Resource", allowed, str)
        for arn in where:
            (allowed if statement["Effect"] == "Allow" else denied)[arn] |= found
    return {arn: allowed[arn] - denied[arn] for arn in allowed}


def _matching(statement: dict[str, Any], key: str, words: Iterable[str], fold: Callable[[str], str]) -> set[str]:
    value: Any = statement[key] if key in statement else statement[f"Not{key}"]
    patterns = [fold(pattern) for pattern in (value if isinstance(value, list) else [value])]
    found = {word for word in words if any(naive_match(pattern, word) for pattern in patterns)}
    return found if key in statement else set(words) - found


def documents() -> dict[str, str]:
    chance = random.Random(7)
    one: dict[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    pairs = [f"*{first}*{second}*" for first in LETTERS for second in LETTERS]
    chance.shuffle(pairs)
    chunks = [f"*{''.join(chance.sample(LETTERS, 2))}*{chance.choice(LETTERS)}?*" for _ in range(600)]
    role = "arn:aws:iam::123456789012:role/"
    roles = [f"{role}{first}{second}*" for first in LETTERS for second in LETTERS][:64]
    writes = ["iam:PutRolePolicy", "iam:PassRole", "sts:AssumeRole", "lambda:*"]
    typical: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:List*"], "Resource": "arn:aws:s3:::data/*"},
        {"Effect": "Allow", "Action": ["logs:*", "cloudwatch:PutMetricData"], "Resource": "*"},
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:*:*:function:app-*"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": f"{role}app"},
    ]
    policies: dict[str, list[dict[str, Any]]] = {
        "typical: an application's policy": typical,
        "typical: administrator": [one],
        "typical: a deployer's roles": [{**one, "Action": [*writes, "iam:CreateRole"], "Resource": f"{role}app-*"}],
        "hostile: one glob of 10,000 characters": [{**one, "Action": "*a" * 5_000}],
        "hostile: 676 globs of two letters": [{**one, "Action": pairs}],
        "hostile: the same as NotAction": [{"Effect": "Allow", "NotAction": pairs, "Resource": "*"}],
        "hostile: 600 globs with chunks and marks": [{**one, "Action": chunks}],
        "hostile: 10,000 question marks": [{**one, "Action": ["?" * length + "*a" for length in range(140)]}],
        "hostile: 1,300 short actions": [{**one, "Action": [f"{chance.choice(LETTERS)}{n}" for n in range(1_300)]}],
        "hostile: 180 statements with a glob each": [{**one, "Action": pair} for pair in pairs[:180]],
        "hostile: 180 denies with a glob each": [one, *({**one, "Effect": "Deny", "Action": p} for p in pairs[:180])],
        "hostile: 64 role globs to compare": [{**one, "Action": writes, "Resource": roles}],
        "hostile: 300 resource globs": [{**one, "Action": writes, "Resource": [f"{role}{p}" for p in pairs[:250]]}],
        "hostile: 700 NotResource globs": [{"Effect": "Allow", "Action": "*", "NotResource": pairs}],
    }
    return {name: json.dumps({"Version": "2012-10-17", "Statement": listed}) for name, listed in policies.items()}


def milliseconds(call: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median and worst of some rounds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        taken.append((time.perf_counter() - start) * 1_000)
    return statistics.median(taken), max(taken)


def main() -> int:
    start = time.perf_counter()
    facts = table()
    judge_managed_policy("arn:aws:iam::aws:policy/AdministratorAccess")
    print(f"first use, tables read: {(time.perf_counter() - start) * 1_000:.1f} ms, once per container\n")
    actions = [word for word in facts.actions.words if word.isascii()]
    arns = facts.resources.words
    slowest = 0.0
    print(f"{'document':44} {'bytes':>7} {'median ms':>10} {'worst ms':>9} {'obvious ms':>11} {'ratio':>7}")
    for name, document in documents().items():
        median, worst = milliseconds(lambda text=document: judge_policy(text), 25)  # type: ignore[misc]
        obvious, _ = milliseconds(lambda text=document: naive(text, actions, arns), 1)  # type: ignore[misc]
        slowest = max(slowest, median)
        print(f"{name:44} {len(document):7} {median:10.3f} {worst:9.3f} {obvious:11.1f} {obvious / median:6.0f}x")
    shipped = [json.dumps(entry["document"]) for entry in managed_policies().values()]
    taken = [milliseconds(lambda text=text: judge_policy(text), 3)[0] for text in shipped]  # type: ignore[misc]
    largest = max(len(text) for text in shipped)
    print(f"\n{len(shipped)} AWS managed policies: median {statistics.median(taken):.3f} ms, worst {max(taken):.3f} ms")
    print(f"(the largest has {largest:,} bytes, ten times what a customer's may have)")
    print(f"\nslowest median {slowest:.2f} ms; the bound is {LIMIT_MS:.0f} ms")
    return 0 if slowest <= LIMIT_MS else 1


if __name__ == "__main__":
    raise SystemExit(main())
