"""The words of break-glass windows in Slack, in each language, with the same gaps to fill in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.alerting.window import RequestProblem, WindowOutcome, WindowState


@dataclass(frozen=True, kw_only=True)
class WindowWords:
    """One language. A text with {braces} is filled with `str.format`; the names in braces are the same in each."""

    states: Mapping[WindowState, str]  # inside a sentence

    # The message
    headings: Mapping[WindowState, str]
    heading_emergency: str
    label: str
    person: str
    identity: str
    root: str
    account: str
    named_account: str
    purpose: str
    ticket: str
    time: str
    span: str
    span_local: str
    asked_by: str
    approved_by: str
    closed_by: str
    reason: str
    waits_for: str
    nobody_used: str
    used: str
    never_opened: str
    window: str
    glance: str

    # Its buttons
    approve: str
    refuse: str
    emergency: str
    revoke: str

    # The forms
    form_title: str
    form_submit: str
    form_cancel: str
    form_purpose: str
    form_ticket: str
    form_day: str
    form_hour: str
    form_length: str
    lengths: Mapping[int, str]  # minutes
    emergency_title: str
    emergency_submit: str
    emergency_reason: str

    # Answers to one person
    problems: Mapping[RequestProblem, str]
    refusals: Mapping[WindowOutcome, str]
    not_asked: str
    not_done: str
    unlisted: str
    usage: str
    switched_off: str


ENGLISH = WindowWords(
    states={state: str(state) for state in WindowState},
    headings={
        WindowState.REQUESTED: "Break-glass window for {person}: asked for",
        WindowState.APPROVED: "Break-glass window for {person}: approved",
        WindowState.REFUSED: "Break-glass window for {person}: refused",
        WindowState.REVOKED: "Break-glass window for {person}: revoked",
        WindowState.ENDED: "Break-glass window for {person}: over",
    },
    heading_emergency="Break-glass window for {person}: EMERGENCY, approved by nobody else",
    label="{label}: ",
    person="Who uses it",
    identity="As",
    root="root user",
    account="Account",
    named_account="{name} ({account})",
    purpose="What for",
    ticket="Ticket",
    time="When",
    span="{starts} to {ends} UTC",
    span_local="{starts} to {ends} {zone} ({utc})",
    asked_by="Asked for by",
    approved_by="Approved by",
    closed_by="Closed by",
    reason="Reason",
    waits_for="Waits for one of",
    nobody_used="Nobody used it.",
    used="It was used {count} times, from {first} to {last} UTC; {others} more did not stand the test.",
    never_opened="It never opened.",
    window="window {id}",
    glance="{heading}. {identity} of {account}, {time}, {ticket}",
    approve="Approve",
    refuse="Refuse",
    emergency="Emergency...",
    revoke="Revoke",
    form_title="Ask for a window",
    form_submit="Ask",
    form_cancel="Cancel",
    form_purpose="What for",
    form_ticket="Ticket",
    form_day="From: day ({zone})",
    form_hour="From: time ({zone})",
    form_length="For how long",
    lengths={
        15: "15 minutes",
        30: "30 minutes",
        60: "1 hour",
        120: "2 hours",
        180: "3 hours",
        240: "4 hours",
    },
    emergency_title="Emergency",
    emergency_submit="Open it now",
    emergency_reason="Why can nobody else approve it? Everybody will read this.",
    problems={
        RequestProblem.EMPTY: "Fill this in.",
        RequestProblem.TOO_LONG_A_TEXT: "Shorten this.",
        RequestProblem.UNKNOWN_ACCOUNT: "This is none of the accounts in the configuration: give its 12 digits.",
        RequestProblem.UNKNOWN_PERSON: "Nobody of this name is among break_glass.people.",
        RequestProblem.NOT_REQUIRED: "This identity needs no window.",
        RequestProblem.ANOTHER_ACCOUNT: "This identity is one of another account.",
        RequestProblem.IN_THE_PAST: "This is over, or no time at all.",
        RequestProblem.TOO_FAR_AHEAD: "This is more than 30 days ahead.",
        RequestProblem.TOO_LONG: "A window lasts at most 4 hours.",
        RequestProblem.TOO_SHORT: "A window lasts at least 5 minutes.",
        RequestProblem.UNLISTED: "Only people in break_glass.people, and approvers, can ask for a window.",
    },
    refusals={
        WindowOutcome.DONE: "It is done.",
        WindowOutcome.ALREADY: "It is {state} already.",
        WindowOutcome.SETTLED: "It is {state}, and stays so. Ask for another window with /rootwatch request.",
        WindowOutcome.UNLISTED: "You may not do this: the configuration names who may, in break_glass.approvers.",
        WindowOutcome.OWN_REQUEST: "Nobody approves a window they asked for. A second person has to.",
        WindowOutcome.OWN_USE: "Nobody approves a window they will use themselves. A second person has to.",
        WindowOutcome.UNSURE: "It cannot be told whether you and whoever asked are two people. See break_glass.people.",
        WindowOutcome.NOT_THEIRS: "Only whoever asked for it, or will use it, can declare an emergency.",
        WindowOutcome.NO_REASON: "An emergency needs a reason.",
        WindowOutcome.TOO_LATE: "It is over. Ask for another window with /rootwatch request.",
        WindowOutcome.NOT_YET: "It is not over yet.",
        WindowOutcome.GONE: "There is no such window any more.",
    },
    not_asked="The window was not asked for: {problems}",
    not_done="Nothing was changed. {why}",
    unlisted="Only people in break_glass.people, and approvers, can ask for a window.",
    usage="Write /rootwatch request to ask for a break-glass window.",
    switched_off="Break-glass windows are not switched on here: see break_glass in rootwatch.toml.",
)

JAPANESE = WindowWords(
    states={
        WindowState.REQUESTED: "承認待ち",
        WindowState.APPROVED: "承認済み",
        WindowState.REFUSED: "却下",
        WindowState.REVOKED: "取り消し",
        WindowState.ENDED: "終了",
    },
    headings={
        WindowState.REQUESTED: "{person} のブレークグラス申請: 承認待ち",
        WindowState.APPROVED: "{person} のブレークグラス申請: 承認済み",
        WindowState.REFUSED: "{person} のブレークグラス申請: 却下",
        WindowState.REVOKED: "{person} のブレークグラス申請: 取り消し",
        WindowState.ENDED: "{person} のブレークグラス申請: 終了",
    },
    heading_emergency="{person} のブレークグラス申請: 緊急 (ほかの人の承認なし)",
    label="{label}: ",
    person="使用者",
    identity="使用する ID",
    root="ルートユーザー",
    account="アカウント",
    named_account="{name} ({account})",
    purpose="目的",
    ticket="チケット",
    time="期間",
    span="UTC {starts} から {ends} まで",
    span_local="{zone} {starts} から {ends} まで ({utc})",
    asked_by="申請者",
    approved_by="承認者",
    closed_by="終了させた人",
    reason="理由",
    waits_for="次のいずれかの承認待ち",
    nobody_used="使用されませんでした。",
    used="{count} 回使用されました ({first} から {last} まで、UTC)。条件に合わないものがほかに {others} 件。",
    never_opened="有効になりませんでした。",
    window="申請 {id}",
    glance="{heading}。{account} の {identity}、{time}、{ticket}",
    approve="承認",
    refuse="却下",
    emergency="緊急...",
    revoke="取り消す",
    form_title="ブレークグラスの申請",
    form_submit="申請",
    form_cancel="キャンセル",
    form_purpose="目的",
    form_ticket="チケット",
    form_day="開始日 ({zone})",
    form_hour="開始時刻 ({zone})",
    form_length="長さ",
    lengths={15: "15 分", 30: "30 分", 60: "1 時間", 120: "2 時間", 180: "3 時間", 240: "4 時間"},
    emergency_title="緊急",
    emergency_submit="今すぐ有効にする",
    emergency_reason="ほかの人が承認できない理由を書いてください。全員に表示されます。",
    problems={
        RequestProblem.EMPTY: "入力してください。",
        RequestProblem.TOO_LONG_A_TEXT: "短くしてください。",
        RequestProblem.UNKNOWN_ACCOUNT: "設定にないアカウントです。12 桁の番号を入力してください。",
        RequestProblem.UNKNOWN_PERSON: "この名前は break_glass.people にありません。",
        RequestProblem.NOT_REQUIRED: "この ID には申請は必要ありません。",
        RequestProblem.ANOTHER_ACCOUNT: "この ID は別のアカウントのものです。",
        RequestProblem.IN_THE_PAST: "過去の日時か、日時ではありません。",
        RequestProblem.TOO_FAR_AHEAD: "30 日より先の日時です。",
        RequestProblem.TOO_LONG: "最長 4 時間です。",
        RequestProblem.TOO_SHORT: "最短 5 分です。",
        RequestProblem.UNLISTED: "申請できるのは break_glass.people の人と承認者だけです。",
    },
    refusals={
        WindowOutcome.DONE: "完了しました。",
        WindowOutcome.ALREADY: "すでに{state}です。",
        WindowOutcome.SETTLED: "すでに{state}で、変更できません。/rootwatch request で新しく申請してください。",
        WindowOutcome.UNLISTED: "この操作は許可されていません。設定の break_glass.approvers を確認してください。",
        WindowOutcome.OWN_REQUEST: "自分の申請は承認できません。ほかの人の承認が必要です。",
        WindowOutcome.OWN_USE: "自分が使用する申請は承認できません。ほかの人の承認が必要です。",
        WindowOutcome.UNSURE: "申請者と別の人かどうか確認できません。break_glass.people を確認してください。",
        WindowOutcome.NOT_THEIRS: "緊急を宣言できるのは、申請者と使用者だけです。",
        WindowOutcome.NO_REASON: "緊急の理由を入力してください。",
        WindowOutcome.TOO_LATE: "期間が過ぎています。/rootwatch request で新しく申請してください。",
        WindowOutcome.NOT_YET: "まだ期間中です。",
        WindowOutcome.GONE: "この申請はもうありません。",
    },
    not_asked="申請できませんでした: {problems}",
    not_done="何も変更していません。{why}",
    unlisted="申請できるのは break_glass.people の人と承認者だけです。",
    usage="ブレークグラスを申請するには /rootwatch request と入力してください。",
    switched_off="ここではブレークグラスの申請は無効です。rootwatch.toml の break_glass を確認してください。",
)

WINDOW_LANGUAGES: Mapping[str, WindowWords] = {"en": ENGLISH, "ja": JAPANESE}


def window_words_for(language: str) -> WindowWords:
    """The words of a language by its two letters; English for one we do not have."""
    return WINDOW_LANGUAGES.get(language, ENGLISH)
