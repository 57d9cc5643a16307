"""The alert table: alerts and findings in DynamoDB, each event counted once however often it arrives.

Rows (pk / sk):
    FINDING#<finding id> / FINDING        that it was recorded, and in which alert
    ALERT#<alert id>     / FINDING#<cursor>  the finding itself
    ALERT#<alert id>     / ALERT          the alert: counters, what each channel was told, who is on which errand
    ALERT#<alert id>     / AUDIT#<act id>    what somebody did with the alert: written once, never changed
    CASE#<case>          / CASE           what a service goes on about: in which alert, and whether it is over
    GROUP#<group>        / GROUP          the group's latest alerts, with a version against two being opened at once
    QUIET#<kind>#<day>   / <cursor>       again, where it is kept quiet for a report, by the UTC day we learnt of it
    DAY#<day>            / <time>#<alert id>  the alerts opened on a UTC day
    ERRAND#<errand>      / ERRAND         who is on an errand that belongs to no alert, or that it is done
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws_errors import unavailable
from handlers.adapters.table_rows import row_of, stamp, values_of
from handlers.alerting.alert import (
    Alert,
    Case,
    Opened,
    Told,
    alert_id_of,
    case_after,
    kind_of,
    open_alert_for,
    unsettled_by,
)
from handlers.alerting.errors import UnavailableError
from handlers.alerting.finding import Finding, QuietKind
from handlers.alerting.life import Act, Decision, Life, Outcome, Verb, decide
from handlers.alerting.ports import Recorded
from handlers.alerting.severity import Severity

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_SILENT = "the alert table did not answer"
_ATTEMPTS = 12
_RECENT = 20  # alerts of a group remembered: those of the window, with room for late records


class AlertTable:
    """An AlertBook kept in one DynamoDB table; rows expire `retention` after they were written."""

    def __init__(self, *, client: DynamoDBClient, table: str, retention: timedelta) -> None:
        self._client = client
        self._table = table
        self._retention = retention

    def record(self, finding: Finding, *, window: timedelta, now: datetime) -> Recorded:
        """Store and count the finding in one transaction, so that a crash leaves either both or neither.

        Raises:
            UnavailableError: DynamoDB does not answer, or the same rows stayed contended.
        """
        for attempt in range(_ATTEMPTS):
            known = self._get(f"FINDING#{finding.id}", "FINDING")
            if known is not None:
                return self._recorded_before(known)
            group = self._group(finding.group)
            elsewhere = _opened(self._group(finding.joins)) if finding.joins else ()
            joined = open_alert_for(finding, elsewhere, window=window) or open_alert_for(
                finding, _opened(group), window=window
            )
            case = self._case(finding.case) if finding.case else None
            if case is not None and case.holds(finding):
                joined = case.alert_id
            alert_id = joined or alert_id_of(finding)
            if self._write(finding, alert_id, None if joined else group, case, now):
                self._move_last_time(alert_id, finding.happened)
                return Recorded(alert=self._existing(alert_id), finding=finding, is_new=True)
            # Somebody wrote the same rows at the same moment: look again. A jittered, short wait.
            time.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311 - not for secrets
        raise UnavailableError(f"the alert table's rows of one group stayed contended over {_ATTEMPTS} attempts")

    def find(self, alert_id: str) -> Alert | None:
        row = self._get(f"ALERT#{alert_id}", "ALERT")
        return _alert(alert_id, row) if row is not None and "count" in row else None

    def findings(self, alert_id: str, *, after: str, limit: int) -> Sequence[Finding]:
        found: list[Finding] = []
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk > :after",
            "FilterExpression": "loud = :loud",
            "ExpressionAttributeValues": row_of(
                {":pk": f"ALERT#{alert_id}", ":after": f"FINDING#{after}", ":loud": True}
            ),
            "ScanIndexForward": False,
            "ConsistentRead": True,
        }
        while len(found) < limit:
            page = self._call("query", **query)
            found += [Finding.from_plain(json.loads(values_of(item)["finding"])) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        return found[:limit][::-1]

    def every_alert(self) -> Iterator[Alert]:
        """All alerts, in no order. It reads the whole table: for people, not for the pipeline, which has no right to.

        Raises:
            UnavailableError: DynamoDB does not answer.
        """
        pages = self._pages(
            "scan",
            FilterExpression="sk = :sk AND attribute_exists(#count)",
            ExpressionAttributeNames={"#count": "count"},
            ExpressionAttributeValues=row_of({":sk": "ALERT"}),
        )
        for item in pages:
            yield _alert(item["pk"].removeprefix("ALERT#"), item)

    def every_finding(self, alert_id: str) -> Iterator[Finding]:
        """All findings of an alert, the quiet ones too, in the order recorded. Raises UnavailableError."""
        for item in self._of_alert(alert_id, "FINDING#"):
            yield Finding.from_plain(json.loads(item["finding"]))

    def _of_alert(self, alert_id: str, beginning: str) -> Iterator[dict[str, Any]]:
        return self._pages(
            "query",
            KeyConditionExpression="pk = :pk AND begins_with(sk, :beginning)",
            ExpressionAttributeValues=row_of({":pk": f"ALERT#{alert_id}", ":beginning": beginning}),
        )

    def _pages(self, method: str, **request: Any) -> Iterator[dict[str, Any]]:
        """The rows of every page of an answer."""
        request = {**request, "TableName": self._table, "ConsistentRead": True}
        while True:
            page = self._call(method, **request)
            yield from map(values_of, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def findings_kept(self, kind: QuietKind, day: date) -> Sequence[Finding]:
        pages = self._pages(
            "query",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=row_of({":pk": _kept_under(kind, day)}),
        )
        return [Finding.from_plain(json.loads(item["finding"])) for item in pages]

    def opened_on(self, day: date) -> Sequence[Alert]:
        ids: list[str] = []
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": row_of({":pk": f"DAY#{day.isoformat()}"}),
            "ConsistentRead": True,
        }
        while True:
            page = self._call("query", **query)
            ids += [values_of(item)["alert_id"] for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return [alert for alert in map(self.find, ids) if alert is not None]
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def begin(self, errand: str, *, now: datetime, lease: timedelta) -> bool:
        return self._update(
            f"ERRAND#{errand}",
            "ERRAND",
            "SET until_time = :until, expires_at = :expires",
            condition="attribute_not_exists(pk) OR until_time < :now",
            values={
                ":until": stamp(now + lease),
                ":now": stamp(now),
                ":expires": int((now + self._retention).timestamp()),
            },
        )

    def end(self, errand: str, *, until: datetime | None) -> None:
        moment = until or datetime.min.replace(tzinfo=UTC)
        self._update(
            f"ERRAND#{errand}",
            "ERRAND",
            "SET until_time = :until",
            condition="attribute_exists(pk)",
            values={":until": stamp(moment)},
        )

    def claim(self, alert_id: str, errand: str, *, now: datetime, lease: timedelta) -> bool:
        return self._update_alert(
            alert_id,
            "SET #errand = :until",
            condition="attribute_exists(pk) AND (attribute_not_exists(#errand) OR #errand < :now)",
            names={"#errand": f"errand_{errand}"},
            values={":until": stamp(now + lease), ":now": stamp(now)},
        )

    def release(self, alert_id: str, errand: str) -> None:
        self._update_alert(
            alert_id, "REMOVE #errand", condition="attribute_exists(pk)", names={"#errand": f"errand_{errand}"}
        )

    def save_told(self, alert_id: str, channel: str, told: Told) -> None:
        self._update_alert(
            alert_id,
            "SET #told = :told REMOVE #errand",
            condition="attribute_exists(pk)",
            names={"#told": f"told_{channel}", "#errand": f"errand_{channel}"},
            values={
                ":told": {
                    "reference": told.reference,
                    "count": told.count,
                    "severity": told.severity.name,
                    "kinds": sorted(told.kinds),
                    "cursor": told.cursor,
                    "at": stamp(told.at),
                }
            },
        )

    def act(self, alert_id: str, act: Act) -> Decision:
        """One transaction changes the state and appends the audit record, so that neither is without the other."""
        pk, sk = f"ALERT#{alert_id}", f"AUDIT#{hashlib.sha256(act.id.encode('utf-8', 'replace')).hexdigest()}"
        for attempt in range(_ATTEMPTS):
            done = self._get(pk, sk)
            if done is not None:
                return Decision(outcome=Outcome.DONE, life=Life.from_plain(done["life"]))
            alert = self.find(alert_id)
            if alert is None:
                return Decision(outcome=Outcome.GONE, life=Life())
            decision = decide(alert.life, act)
            if decision.outcome is not Outcome.DONE or self._write_act(pk, sk, act, decision.life):
                return decision
            time.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311 - not for secrets
        raise UnavailableError(f"the alert table's row of one alert stayed contended over {_ATTEMPTS} attempts")

    def history(self, alert_id: str) -> Sequence[tuple[Act, Life]]:
        return sorted(map(_acted, self._of_alert(alert_id, "AUDIT#")), key=lambda item: item[1].version)

    def _write_act(self, pk: str, sk: str, act: Act, life: Life) -> bool:
        """Whether nobody had acted since the alert was read."""
        seen = life.version - 1
        expires = int((act.at + self._retention).timestamp())
        record = {"id": act.id, "verb": str(act.verb), "life": life.to_plain(), "expires_at": expires}
        update = {
            "TableName": self._table,
            "Key": row_of({"pk": pk, "sk": "ALERT"}),
            "UpdateExpression": "SET life = :life",
            "ConditionExpression": "attribute_exists(pk) AND "
            + ("life.version = :seen" if seen else "attribute_not_exists(life)"),
            "ExpressionAttributeValues": row_of({":life": life.to_plain(), **({":seen": seen} if seen else {})}),
        }
        return self._transact(
            [{"Update": update}, self._put({"pk": pk, "sk": sk, **record}, "attribute_not_exists(pk)")]
        )

    def _group(self, group: str) -> Mapping[str, Any]:
        return self._get(f"GROUP#{group}", "GROUP") or {"recent": [], "version": 0}

    def _case(self, case: str) -> Case | None:
        row = self._get(f"CASE#{case}", "CASE")
        if row is None:
            return None
        return Case(
            alert_id=row["alert_id"], is_open=row["is_open"], at=_moment(row["at"]), version=int(row["version"])
        )

    def _recorded_before(self, known: Mapping[str, Any]) -> Recorded:
        alert_id = known["alert_id"]
        row = self._get(f"ALERT#{alert_id}", f"FINDING#{known['cursor']}")
        if row is None:
            raise UnavailableError(f"the alert table lost a finding of alert {alert_id}")
        finding = Finding.from_plain(json.loads(row["finding"]))
        return Recorded(alert=self._existing(alert_id), finding=finding, is_new=False)

    def _existing(self, alert_id: str) -> Alert:
        alert = self.find(alert_id)
        if alert is None:
            raise UnavailableError(f"the alert table does not show alert {alert_id} yet")
        return alert

    def _write(
        self, finding: Finding, alert_id: str, group: Mapping[str, Any] | None, case: Case | None, now: datetime
    ) -> bool:
        """One transaction; False when another writer was faster. `group` is given when the alert is new."""
        loud = finding.quiet is None
        expires = int((now + self._retention).timestamp())
        text = json.dumps(finding.to_kept(), ensure_ascii=False)
        after = case_after(case, finding, alert_id)
        unsettled = unsettled_by(finding, case, after)
        actions: list[dict[str, Any]] = [
            self._put(
                {
                    "pk": f"FINDING#{finding.id}",
                    "sk": "FINDING",
                    "alert_id": alert_id,
                    "cursor": finding.cursor,
                    "expires_at": expires,
                },
                "attribute_not_exists(pk)",
            ),
            self._put(
                {
                    "pk": f"ALERT#{alert_id}",
                    "sk": f"FINDING#{finding.cursor}",
                    "finding": text,
                    "loud": loud,
                    "expires_at": expires,
                }
            ),
            {"Update": self._counting(finding, alert_id, text, expires=expires, loud=loud, unsettled=unsettled)},
        ]
        if after is not None:
            actions.append(
                self._put(
                    {
                        "pk": f"CASE#{finding.case}",
                        "sk": "CASE",
                        "alert_id": alert_id,
                        "is_open": after.is_open,
                        "at": stamp(after.at),
                        "version": after.version,
                        "expires_at": expires,
                    },
                    "version = :seen" if case else "attribute_not_exists(pk)",
                    {":seen": case.version} if case else None,
                )
            )
        if finding.quiet_kind is not None:
            bare = dataclasses.replace(finding, exhibits=())
            actions.append(
                self._put(
                    {
                        "pk": _kept_under(finding.quiet_kind, finding.received.date()),
                        "sk": finding.cursor,
                        "finding": json.dumps(bare.to_kept(), ensure_ascii=False),
                        "expires_at": expires,
                    }
                )
            )
        if group is not None:
            actions.append(
                self._put(
                    {
                        "pk": f"DAY#{finding.received.date().isoformat()}",
                        "sk": f"{stamp(finding.received)}#{alert_id}",
                        "alert_id": alert_id,
                        "expires_at": expires,
                    }
                )
            )
            opened = {"alert_id": alert_id, "at": stamp(finding.happened)}
            actions.append(
                self._put(
                    {
                        "pk": f"GROUP#{finding.group}",
                        "sk": "GROUP",
                        "recent": [*group["recent"], opened][-_RECENT:],
                        "version": int(group["version"]) + 1,
                        "expires_at": expires,
                    },
                    "attribute_not_exists(pk) OR version = :seen",
                    {":seen": int(group["version"])},
                )
            )
        return self._transact(actions)

    def _transact(self, actions: list[dict[str, Any]]) -> bool:
        """Whether all of it was written; False when another writer was faster."""
        try:
            self._client.transact_write_items(TransactItems=actions)  # type: ignore[arg-type]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("TransactionCanceledException", "TransactionInProgressException"):
                reasons = error.response.get("CancellationReasons", [])
                codes = {reason.get("Code") for reason in reasons} - {"None", None}
                if codes <= {"ConditionalCheckFailed", "TransactionConflict"}:
                    return False
            raise unavailable(_SILENT, error) from error
        except BotoCoreError as error:
            raise unavailable(_SILENT, error) from error
        return True

    def _counting(
        self, finding: Finding, alert_id: str, text: str, *, expires: int, loud: bool, unsettled: int
    ) -> dict[str, Any]:
        adding = "ADD #count :one, loud :loud, unsettled :unsettled" + (", kinds :kinds" if loud else "")
        values: dict[str, Any] = {
            ":one": 1,
            ":loud": int(loud),
            ":unsettled": unsettled,
            ":headline": text,
            ":group": finding.group,
            ":time": stamp(finding.happened),
            ":expires": expires,
        }
        if loud:
            values[":kinds"] = {kind_of(finding)}
        return {
            "TableName": self._table,
            "Key": row_of({"pk": f"ALERT#{alert_id}", "sk": "ALERT"}),
            "UpdateExpression": "SET #headline = if_not_exists(#headline, :headline), #group = :group, "
            "last_time = if_not_exists(last_time, :time), expires_at = :expires " + adding,
            "ExpressionAttributeNames": {
                "#count": "count",
                "#group": "group",
                "#headline": "headline" if loud else "quiet_headline",
            },
            "ExpressionAttributeValues": row_of(values),
        }

    def _move_last_time(self, alert_id: str, moment: datetime) -> None:
        self._update_alert(
            alert_id, "SET last_time = :time", condition="last_time < :time", values={":time": stamp(moment)}
        )

    def _put(
        self, item: Mapping[str, Any], condition: str | None = None, values: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self._table, "Item": row_of(item)}
        if condition:
            put["ConditionExpression"] = condition
        if values:
            put["ExpressionAttributeValues"] = row_of(values)
        return {"Put": put}

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        item = self._call("get_item", TableName=self._table, Key=row_of({"pk": pk, "sk": sk}), ConsistentRead=True).get(
            "Item"
        )
        return values_of(item) if item else None

    def _update_alert(
        self,
        alert_id: str,
        expression: str,
        *,
        condition: str,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> bool:
        """Whether the condition held and the row was changed."""
        return self._update(f"ALERT#{alert_id}", "ALERT", expression, condition=condition, names=names, values=values)

    def _update(
        self,
        pk: str,
        sk: str,
        expression: str,
        *,
        condition: str,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> bool:
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": row_of({"pk": pk, "sk": sk}),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
        }
        if names:
            request["ExpressionAttributeNames"] = dict(names)
        if values:
            request["ExpressionAttributeValues"] = row_of(values)
        try:
            self._client.update_item(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise unavailable(_SILENT, error) from error
        except BotoCoreError as error:
            raise unavailable(_SILENT, error) from error
        return True

    def _call(self, method: str, **request: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, method)(**request)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(_SILENT, error) from error
        return answer


def _opened(group: Mapping[str, Any]) -> list[Opened]:
    return [Opened(alert_id=item["alert_id"], at=_moment(item["at"])) for item in group["recent"]]


def _kept_under(kind: QuietKind, day: date) -> str:
    return f"QUIET#{kind}#{day.isoformat()}"


def _alert(alert_id: str, row: Mapping[str, Any]) -> Alert:
    return Alert(
        id=alert_id,
        headline=Finding.from_plain(json.loads(row.get("headline") or row["quiet_headline"])),
        count=int(row["count"]),
        loud=int(row["loud"]),
        kinds=frozenset(row.get("kinds", ())),
        last_time=_moment(row["last_time"]),
        unsettled=int(row.get("unsettled", row["loud"])),
        told={key.removeprefix("told_"): _told(value) for key, value in row.items() if key.startswith("told_")},
        life=Life.from_plain(row["life"]) if "life" in row else Life(),
    )


def _acted(row: Mapping[str, Any]) -> tuple[Act, Life]:
    life = Life.from_plain(row["life"])
    if life.at is None:
        raise UnavailableError("the alert table holds an act without a time")
    act = Act(
        id=row["id"],
        verb=Verb(row["verb"]),
        by=life.by,
        at=life.at,
        reason=life.reason,
        ticket=life.ticket,
        cause=life.cause,
    )
    return act, life


def _told(value: Mapping[str, Any]) -> Told:
    return Told(
        reference=value["reference"],
        count=int(value["count"]),
        severity=Severity[value["severity"]],
        kinds=frozenset(value["kinds"]),
        cursor=value["cursor"],
        at=_moment(value["at"]),
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
