"""The fixed words of every message, in each language: nothing people read is written anywhere else in the adapters.

The Japanese words for AWS's things are those of the AWS console in Japanese (イベント履歴, ルートユーザー, 重大度 ...).
What a detection says - title, summary, why, steps - are phrases beside the detection (see phrases.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.adapters.phrases import PhrasesOf
from handlers.alerting.actor import ActorKind, Mfa
from handlers.alerting.life import Cause, Outcome, State, Verb
from handlers.alerting.severity import Severity
from handlers.alerting.text import Phrases, said


@dataclass(frozen=True, kw_only=True)
class Words:
    """One language. A text with {braces} is filled with `str.format`; the names in braces are the same in each."""

    language: str  # two letters
    phrases: Phrases  # for what findings say
    severities: Mapping[Severity, str]
    actor_kinds: Mapping[str, str]
    mfa: Mapping[str, str]

    # Labels
    who: str
    identity: str
    access_key: str
    subject: str
    account: str
    region: str
    time: str
    source: str
    user_agent: str
    mfa_used: str
    mfa_because: str  # {used} and the {reason} that says how it is known
    mfa_unsaid: str
    who_further: str  # {who} it was, and {more} of the chain of identities
    result: str
    call: str
    how_often: str
    detections: str
    label: str  # a label and what follows it

    # Values
    actor: str
    named_account: str
    called: str
    succeeded: str
    failed: str
    time_unknown: str
    zone_unavailable: str
    local_time: str
    times: str
    quiet_too: str
    raised: str
    kept_quiet: str
    empty: str

    # When the record came late, or by the slow road only
    late: str
    late_reason: str
    not_delivered: str
    not_delivered_within: str
    not_watched: str
    days: str
    hours: str
    minutes: str

    # Sections
    why: str
    what_to_do: str
    runbook: str
    exhibit_cut: str
    facts_cut: str
    shortened: str

    # The small print
    event: str
    alert: str

    # Links
    open_event: str
    open_entity: str

    # Follow-ups
    news: str
    now_worse: str
    also: str
    earlier_left_out: str
    parent_is_gone: str

    # Other forms of a message
    glance: str
    plain_form: str
    bare_form: str
    mail_footer: str

    # Reacting: states, buttons, forms, and what one person is told
    state: str
    states: Mapping[str, str]
    verbs: Mapping[str, str]
    refusals: Mapping[str, str]
    form_cancel: str
    form_reason: str
    form_ticket: str
    form_cause: str
    form_note: str
    form_empty: str
    form_too_long: str
    form_no_cause: str
    causes: Mapping[str, str]
    help_wanted: str
    command_usage: str
    what_did_they_do: str
    looking: str

    def say(self, text: str) -> str:
        """What a finding says, in this language."""
        return said(text, self.phrases)


ENGLISH = Words(
    language="en",
    phrases={},
    severities={
        Severity.INFO: "INFO",
        Severity.LOW: "LOW",
        Severity.MEDIUM: "MEDIUM",
        Severity.HIGH: "HIGH",
        Severity.CRITICAL: "CRITICAL",
    },
    actor_kinds={str(kind): str(kind) for kind in ActorKind},
    mfa={Mfa.YES: "yes", Mfa.NO: "no", Mfa.UNKNOWN: "unknown"},
    who="Who",
    identity="Identity",
    access_key="Access key",
    subject="On what",
    account="Account",
    region="Region",
    time="When",
    source="From",
    user_agent="With",
    mfa_used="MFA",
    mfa_because="{used}: {reason}",
    mfa_unsaid="the record does not say",
    who_further="{who}, {more}",
    result="Result",
    call="Call",
    how_often="How often",
    detections="Seen by",
    label="{label}:",
    actor="{name} ({kind})",
    named_account="{name} ({account})",
    called="{name} ({service})",
    succeeded="it succeeded",
    failed="it failed: {error}",
    time_unknown="unknown: the record does not say; it reached us at {received}",
    zone_unavailable="{utc} (time zone {zone}: unavailable)",
    local_time="{utc} ({local} in {zone})",
    times="{count} times, last at {last}",
    quiet_too="{times}; {quiet} kept quiet",
    raised="Began as {first}, is now {now}.",
    kept_quiet="The event that opened this alert was kept quiet: {reason}.",
    empty="(empty)",
    late="LATE: this reached us {delay} after it happened.",
    late_reason="CloudTrail says why: {reason}.",
    not_delivered="EventBridge did not deliver this; it was found in the log bucket.",
    not_delivered_within="EventBridge did not deliver this within {delay}; it was found in the log bucket.",
    not_watched="No rule of ours watches {region}: this was found in the log bucket.",
    days="{count} d",
    hours="{count} h",
    minutes="{count} min",
    why="Why this matters",
    what_to_do="What to do now",
    runbook="Runbook",
    exhibit_cut="Cut to fit; the whole text is in the alert table, in finding {finding}.",
    facts_cut="{count} more facts are in the alert table, in finding {finding}.",
    shortened="Shortened to fit; everything is in the alert table, in finding {finding}.",
    event="event {id}",
    alert="alert {id}",
    open_event="Open the event in CloudTrail",
    open_entity="Open {name} in IAM",
    news="{more} more, {total} in all",
    now_worse="Now {severity}: {title}",
    also="Also {severity}: {title}",
    earlier_left_out="{count} earlier ones are not shown here; each is in the alert table, in alert {alert}.",
    parent_is_gone="The first message of this alert is gone, so this is posted here.",
    glance="{severity}: {title}. {who}, {account}. {summary}",
    plain_form="Slack refused the formatted message; the full alert is in the alert table, as {alert}.",
    bare_form="{severity}: an alert that Slack refuses to show. It is in the alert table, as {alert}.",
    mail_footer=(
        "This mail does not depend on Slack. The unsubscribe link below silences this address without asking again: "
        "do not follow it by mistake."
    ),
    state="State",
    states={
        State.OPEN: "open",
        State.ACKNOWLEDGED: "acknowledged",
        State.ESCALATED: "escalated: help is needed",
        State.EXPECTED: "expected",
        State.CLOSED: "closed",
    },
    verbs={
        Verb.ACKNOWLEDGE: "Acknowledge",
        Verb.ESCALATE: "Escalate",
        Verb.EXPECT: "Expected...",
        Verb.CLOSE: "Close...",
        Verb.REOPEN: "Reopen",
    },
    refusals={
        Outcome.OWNED: "Somebody was faster. The alert is {state}: {who}, {at}.",
        Outcome.ALREADY: "The alert is {state} already: {who}, {at}.",
        Outcome.SETTLED: "The alert is settled ({state}: {who}, {at}). Reopen it first.",
        Outcome.GONE: "This alert has expired from the alert table. What happened is still in the audit trail.",
        "unlisted": "You are not among the people who may act on alerts. Ask whoever looks after Rootwatch.",
        "unknown": "Rootwatch does not know this button; it is from another version. Nothing was changed.",
        "unchecked": "It could not be checked whether you may act on alerts. Nothing was changed; please try again.",
    },
    form_cancel="Cancel",
    form_reason="Why",
    form_ticket="Ticket",
    form_cause="What it came to",
    form_note="Note",
    form_empty="Say why: it is kept for the audit.",
    form_too_long="At most {limit} characters.",
    form_no_cause="Choose one of these.",
    causes={
        Cause.HARMLESS: "nothing was wrong",
        Cause.MENDED: "it was wrong, and is mended",
        Cause.INCIDENT: "it goes on as an incident elsewhere",
        Cause.OVER: "what was found is over",
        Cause.OTHER: "something else: see the note",
    },
    help_wanted="Help is needed: {severity}: {title}",
    command_usage="Press the buttons of an alert to act on it. There is nothing else to type here in this version.",
    what_did_they_do="What did they do?",
    looking="Looking it up: the report comes into the thread of the alert, within a minute.",
)

JAPANESE = Words(
    language="ja",
    phrases=PhrasesOf("ja"),
    severities={
        Severity.INFO: "情報",
        Severity.LOW: "低",
        Severity.MEDIUM: "中",
        Severity.HIGH: "高",
        Severity.CRITICAL: "重大",
    },
    actor_kinds={
        ActorKind.ROOT: "ルートユーザー",
        ActorKind.ROOT_BY_AWS: "アカウントに代わって動作した AWS",
        ActorKind.ROOT_ASSUMED: "組織が開始したルートセッション (AssumeRoot)",
        ActorKind.ROOT_FEDERATED: "ルートのフェデレーションセッション",
        ActorKind.IAM_USER: "IAM ユーザー",
        ActorKind.ROLE: "ロールセッション",
        ActorKind.FEDERATED_USER: "フェデレーションユーザー",
        ActorKind.IDENTITY_CENTER_USER: "IAM Identity Center ユーザー",
        ActorKind.SAML_USER: "SAML ユーザー",
        ActorKind.WEB_IDENTITY_USER: "ウェブ ID ユーザー",
        ActorKind.ACCOUNT: "別の AWS アカウント",
        ActorKind.AWS_SERVICE: "AWS サービス",
        ActorKind.UNKNOWN: "不明な ID",
    },
    mfa={Mfa.YES: "あり", Mfa.NO: "なし", Mfa.UNKNOWN: "不明"},
    who="実行者",
    identity="ID (ARN)",
    access_key="アクセスキー",
    subject="対象",
    account="アカウント",
    region="リージョン",
    time="日時",
    source="送信元",
    user_agent="ユーザーエージェント",
    mfa_used="多要素認証 (MFA)",
    mfa_because="{used} ({reason})",
    mfa_unsaid="記録に含まれていません",
    who_further="{who}、{more}",
    result="結果",
    call="API コール",
    how_often="回数",
    detections="検出",
    label="{label}:",
    actor="{name} ({kind})",
    named_account="{name} ({account})",
    called="{name} ({service})",
    succeeded="成功",
    failed="失敗: {error}",
    time_unknown="不明: 記録に日時がありません (受信 {received})",
    zone_unavailable="{utc} (タイムゾーン {zone} は利用できません)",
    local_time="{utc} ({zone} では {local})",
    times="{count} 回、最終 {last}",
    quiet_too="{times} (ほかに通知を抑えたもの {quiet} 件)",
    raised="重大度が {first} から {now} に上がりました。",
    kept_quiet="このアラートの最初のイベントは通知を抑えていました: {reason}",
    empty="(空)",
    late="遅延: 発生から {delay} 後に届きました。",
    late_reason="CloudTrail による理由: {reason}",
    not_delivered="EventBridge からは届かず、ログバケットで見つかりました。",
    not_delivered_within="EventBridge からは {delay} 以内に届かず、ログバケットで見つかりました。",
    not_watched="{region} を監視するルールはありません。ログバケットで見つかりました。",
    days="{count} 日",
    hours="{count} 時間",
    minutes="{count} 分",
    why="重要な理由",
    what_to_do="今すぐ行うこと",
    runbook="ランブック",
    exhibit_cut="一部のみ表示しています。全文はアラートテーブルの検出結果 {finding} にあります。",
    facts_cut="ほかの {count} 件の情報はアラートテーブルの検出結果 {finding} にあります。",
    shortened="短縮して表示しています。全体はアラートテーブルの検出結果 {finding} にあります。",
    event="イベント {id}",
    alert="アラート {id}",
    open_event="CloudTrail のイベント履歴で開く",
    open_entity="IAM で {name} を開く",
    news="新たに {more} 件、合計 {total} 件",
    now_worse="{severity} になりました: {title}",
    also="ほかにも {severity}: {title}",
    earlier_left_out="以前の {count} 件はここに表示していません。すべてアラートテーブルのアラート {alert} にあります。",
    parent_is_gone="このアラートの最初のメッセージがなくなったため、ここに投稿します。",
    glance="{severity}: {title}。{who}、{account}。{summary}",
    plain_form="書式付きメッセージは Slack に受け付けられませんでした。全体はアラートテーブルの {alert} にあります。",
    bare_form="{severity}: Slack が表示を受け付けないアラートです。アラートテーブルの {alert} にあります。",
    mail_footer=(
        "このメールは Slack に依存しません。下の購読解除リンクを開くと、確認なしにこの宛先への通知が止まります。"
        "誤って開かないでください。"
    ),
    state="状態",
    states={
        State.OPEN: "未対応",
        State.ACKNOWLEDGED: "対応中",
        State.ESCALATED: "エスカレーション済み (応援が必要)",
        State.EXPECTED: "想定内",
        State.CLOSED: "完了",
    },
    verbs={
        Verb.ACKNOWLEDGE: "対応する",
        Verb.ESCALATE: "エスカレーション",
        Verb.EXPECT: "想定内...",
        Verb.CLOSE: "完了...",
        Verb.REOPEN: "再開",
    },
    refusals={
        Outcome.OWNED: "先に対応した人がいます。状態: {state} ({who}, {at})。",
        Outcome.ALREADY: "すでに次の状態です: {state} ({who}, {at})。",
        Outcome.SETTLED: "処理済みです ({state}: {who}, {at})。先に再開してください。",
        Outcome.GONE: "このアラートは保存期間を過ぎ、アラートテーブルにありません。記録は監査証跡に残っています。",
        "unlisted": "アラートを操作できる人に含まれていません。Rootwatch の管理者に依頼してください。",
        "unknown": "このボタンは別のバージョンのものです。何も変更していません。",
        "unchecked": "操作の権限を確認できませんでした。何も変更していません。もう一度お試しください。",
    },
    form_cancel="キャンセル",
    form_reason="理由",
    form_ticket="チケット",
    form_cause="結果",
    form_note="メモ",
    form_empty="理由を入力してください。監査のために保存されます。",
    form_too_long="{limit} 文字以内で入力してください。",
    form_no_cause="いずれかを選択してください。",
    causes={
        Cause.HARMLESS: "問題なし",
        Cause.MENDED: "問題があり、修正済み",
        Cause.INCIDENT: "インシデントとして別途対応",
        Cause.OVER: "検出された状態は解消済み",
        Cause.OTHER: "その他 (メモを参照)",
    },
    help_wanted="応援が必要です: {severity}: {title}",
    command_usage="アラートの操作は、メッセージのボタンで行います。このバージョンでは、ほかに入力できるコマンドはありません。",
    what_did_they_do="操作内容を確認",
    looking="確認しています。1 分以内にアラートのスレッドに報告します。",
)

LANGUAGES: Mapping[str, Words] = {"en": ENGLISH, "ja": JAPANESE}


def words_for(language: str) -> Words:
    """The words of a language by its two letters; English for one we do not have: an alert is told in any case."""
    return LANGUAGES.get(language, ENGLISH)
