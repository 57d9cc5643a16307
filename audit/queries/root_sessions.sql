-- title: Root sessions
-- title.ja: ルートユーザーのセッション
-- answers: Each session of root: when it began, how long it lasted, what was done in it, from where, and in which break-glass window.
-- answers.ja: ルートユーザーの各セッション。開始、継続時間、操作、接続元、対応するブレークグラス期間を示す。
WITH calls AS (
  SELECT DISTINCT
    eventid, eventtime, eventname, errorcode, sourceipaddress,
    coalesce(recipientaccountid, useridentity.accountid) AS account,
    coalesce(
      useridentity.sessioncontext.signinsessionarn, nullif(useridentity.accesskeyid, ''),
      useridentity.sessioncontext.attributes.creationdate, eventid
    ) AS session,
    useridentity.sessioncontext.attributes.creationdate AS created,
    useridentity.sessioncontext.attributes.mfaauthenticated AS mfa
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
    AND useridentity.type = 'Root'
    AND (useridentity.invokedby IS NULL OR useridentity.invokedby = 'signin.amazonaws.com')
),
covered AS (
  SELECT event_id, max(window_id) AS window_id
  FROM findings
  WHERE window_id <> '' AND day >= :from_day
  GROUP BY event_id
)
SELECT
  coalesce(min(created), min(eventtime)) AS time,
  array_join(array_agg(DISTINCT eventname ORDER BY eventname), ', ') AS operation,
  'root' AS actor,
  session,
  coalesce(max(mfa), 'unknown') AS mfa,
  min(eventtime) AS first_call,
  max(eventtime) AS last_call,
  count(*) AS calls,
  sum(CASE WHEN errorcode IS NOT NULL THEN 1 ELSE 0 END) AS failed,
  max(window_id) AS window_id,
  array_join(array_agg(DISTINCT sourceipaddress ORDER BY sourceipaddress), ', ') AS source_ip,
  account
FROM calls
LEFT JOIN covered ON covered.event_id = calls.eventid
GROUP BY account, session
ORDER BY time, session
