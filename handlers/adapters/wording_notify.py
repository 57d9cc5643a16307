"""The words of reminders, of the daily line and of cards, in each language; the rest is in `wording`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class NotifyWords:
    """One language. A text with {braces} is filled with `str.format`; the names in braces are the same in each."""

    # Reminders
    reminder: str
    last_reminder: str
    reminder_subject: str  # ASCII in every language: SNS's subjects are
    belongs_to: str

    # The daily line
    all_well: str
    not_well: str
    none_since: str
    since: str
    severity_count: str
    comma: str
    nobody_has: str
    open_item: str
    more_open: str
    all_taken: str
    alarms_quiet: str
    alarms_ring: str
    alarms_undecided: str
    alarms_unknown: str
    no_alarms: str
    canaries_came: str
    canaries_lost: str
    no_canary: str
    canary_subject: str  # ASCII in every language: SNS's subjects are
    canary_mail: str
    last_finding: str
    no_finding: str
    way: str


ENGLISH = NotifyWords(
    reminder="Nobody has taken this alert yet: {severity}, told {waiting} ago. Reminder {number} of {most}.",
    last_reminder="There will be no further one.",
    reminder_subject="Reminder {number} of {most}: ",
    belongs_to="{title}. {who}, {account}",
    all_well="All is well.",
    not_well="Not all is well.",
    none_since="No alert since {since}.",
    since="{count} alerts since {since}: {severities}.",
    severity_count="{count} {severity}",
    comma=", ",
    nobody_has="Nobody has taken {count} of the last {days} days:",
    open_item="{severity}: {title} ({account}, {time})",
    more_open="and {count} more",
    all_taken="None waits to be taken.",
    alarms_quiet="All {count} alarms about Rootwatch itself are quiet.",
    alarms_ring="Alarms about Rootwatch itself ring: {names}.",
    alarms_undecided="Alarms about Rootwatch itself have too little to judge by: {names}.",
    alarms_unknown="The alarms about Rootwatch itself could not be read: {reason}.",
    no_alarms="There are no alarms about Rootwatch itself: deploy again.",
    canaries_came="All {count} canaries came through, the slowest in {seconds} s.",
    canaries_lost="{lost} of {count} canaries did not come through, the first at {time}: events may be getting lost.",
    no_canary="No canary was sent since {since}: see whether the schedule of the canary is enabled.",
    canary_subject="[Rootwatch] The canary was lost: events may be getting lost",
    canary_mail=(
        "The canary of {time} has not come through: {count} are missing since then. Every event takes the same way: "
        "the default bus, the rule {rule}, the events queue, the function, the alert table. Alerts may be missing as "
        "well. See whether the rule is enabled, whether messages wait in the queue or lie among the dead letters, and "
        "what the function's log says. This mail is sent once; the daily line says when canaries come through again."
    ),
    last_finding="The last finding is of {time}.",
    no_finding="No finding was recorded in the last {days} days.",
    way="This line came from the schedule through the function, the alert table and Slack.",
)

JAPANESE = NotifyWords(
    reminder="このアラートはまだ誰も対応していません: {severity}、通知から {waiting}。リマインダー {number}/{most}。",
    last_reminder="これが最後のリマインダーです。",
    reminder_subject="Reminder {number}/{most}: ",
    belongs_to="{title}。{who}、{account}",
    all_well="異常ありません。",
    not_well="確認が必要です。",
    none_since="{since} 以降のアラートはありません。",
    since="{since} 以降のアラート {count} 件: {severities}。",
    severity_count="{severity} {count} 件",
    comma="、",
    nobody_has="過去 {days} 日間のうち、まだ誰も対応していないもの {count} 件:",
    open_item="{severity}: {title} ({account}、{time})",
    more_open="ほか {count} 件",
    all_taken="未対応のものはありません。",
    alarms_quiet="Rootwatch 自身のアラーム {count} 件はすべて正常です。",
    alarms_ring="Rootwatch 自身のアラームが鳴っています: {names}。",
    alarms_undecided="Rootwatch 自身のアラームのうち、データ不足のもの: {names}。",
    alarms_unknown="Rootwatch 自身のアラームを読み取れませんでした: {reason}。",
    no_alarms="Rootwatch 自身のアラームがありません。再度デプロイしてください。",
    canaries_came="カナリア {count} 件はすべて届きました (最長 {seconds} 秒)。",
    canaries_lost=(
        "カナリア {count} 件のうち {lost} 件が届いていません (最初は {time})。イベントが失われている可能性があります。"
    ),
    no_canary="{since} 以降、カナリアが送信されていません。カナリアのスケジュールが有効か確認してください。",
    canary_subject="[Rootwatch] Canary lost: alerts may be missing",
    canary_mail=(
        "{time} のカナリアが届いていません。それ以降 {count} 件が欠けています。"
        "すべてのイベントは同じ経路 (デフォルトバス、"
        "ルール {rule}、イベントキュー、関数、アラートテーブル) を通るため、アラートも届いていない可能性があります。"
        "ルールが有効か、キューやデッドレターキューにメッセージが残っていないか、関数のログに何があるかを確認してください。"
        "このメールは一度だけ送信されます。復旧は日次の報告で確認できます。"
    ),
    last_finding="最後の検出結果は {time} のものです。",
    no_finding="過去 {days} 日間に記録された検出結果はありません。",
    way="この行は、スケジュール、関数、アラートテーブル、Slack を経て届きました。",
)

LANGUAGES: Mapping[str, NotifyWords] = {"en": ENGLISH, "ja": JAPANESE}


def notify_words_for(language: str) -> NotifyWords:
    """The words of a language by its two letters; English for one we do not have."""
    return LANGUAGES.get(language, ENGLISH)
