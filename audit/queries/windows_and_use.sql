-- title: Break-glass windows against actual use
-- title.ja: ブレークグラス期間と実際の使用
-- answers: Each break-glass window of the period: for whom and what, who approved it, and which calls of root were made in it.
-- answers.ja: 各ブレークグラス期間の対象、承認者、期間内で行われたルートユーザーの操作。
WITH acts AS (
  SELECT
    "window".id AS id, "window".account AS account, "window".identity AS identity, "window".person AS person,
    "window".purpose AS purpose, "window".ticket AS ticket, "window".state AS state,
    "window".starts AS starts, "window".ends AS ends, "window".approved_by AS approved_by,
    "window".emergency AS emergency,
    row_number() OVER (PARTITION BY "window".id ORDER BY "window".version DESC) AS number
  FROM windows
),
latest AS (
  SELECT
    id, account, identity, person, purpose, ticket, state, approved_by, emergency,
    concat(substr(starts, 1, 19), 'Z') AS starts,
    concat(substr(ends, 1, 19), 'Z') AS ends
  FROM acts
  WHERE number = 1
),
calls AS (
  SELECT DISTINCT eventid, eventtime, eventname, coalesce(recipientaccountid, useridentity.accountid) AS account
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
    AND useridentity.type = 'Root'
    AND (useridentity.invokedby IS NULL OR useridentity.invokedby = 'signin.amazonaws.com')
),
judged AS (
  SELECT
    window_id,
    count(DISTINCT CASE WHEN standing = 'inside' THEN event_id END) AS inside,
    count(DISTINCT CASE WHEN standing <> 'inside' THEN event_id END) AS outside
  FROM findings
  WHERE window_id <> '' AND event_id <> ''
  GROUP BY window_id
),
used AS (
  SELECT
    latest.id AS id,
    min(calls.eventtime) AS first_call,
    max(calls.eventtime) AS last_call,
    count(calls.eventid) AS calls,
    array_join(array_agg(DISTINCT calls.eventname ORDER BY calls.eventname), ', ') AS operation
  FROM latest
  LEFT JOIN calls
    ON calls.account = latest.account AND latest.identity = 'root' AND latest.approved_by <> ''
    AND calls.eventtime >= latest.starts AND calls.eventtime < latest.ends
  GROUP BY latest.id
)
SELECT
  latest.starts AS time,
  nullif(used.operation, '') AS operation,
  latest.person AS actor,
  latest.identity AS resource,
  latest.id AS window_id,
  latest.state AS state,
  latest.ends AS ends,
  latest.purpose AS purpose,
  latest.ticket AS ticket,
  nullif(latest.approved_by, '') AS approved_by,
  CASE WHEN latest.emergency THEN 'yes' ELSE 'no' END AS emergency,
  used.calls AS calls,
  used.first_call AS first_call,
  used.last_call AS last_call,
  coalesce(judged.inside, 0) AS findings_inside,
  coalesce(judged.outside, 0) AS findings_outside,
  latest.account AS account
FROM latest
JOIN used ON used.id = latest.id
LEFT JOIN judged ON judged.window_id = latest.id
WHERE latest.ends >= :from_time AND latest.starts < :to_time
ORDER BY time, window_id
