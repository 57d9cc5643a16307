-- title: First-seen addresses of privileged identities
-- title.ja: 特権 ID の初見の接続元
-- answers: Addresses from which root or an administrator acted in the period and never in the days before it.
-- answers.ja: 期間内に初めて特権 ID が操作した接続元。
-- parameter: admin  varchar  "%admin%"  the pattern (LIKE, lower case) by which ARNs of administrators are known
-- parameter: history  bigint  "90"  days before the period that count as known
WITH calls AS (
  SELECT DISTINCT
    eventid, eventtime, eventname, sourceipaddress, awsregion,
    coalesce(recipientaccountid, useridentity.accountid) AS account,
    CASE
      WHEN useridentity.type = 'Root' THEN 'root'
      ELSE coalesce(useridentity.sessioncontext.sessionissuer.arn, useridentity.arn)
    END AS identity
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :history_day AND :to_day
  AND eventtime >= :history_time AND eventtime < :to_time
    AND (useridentity.type = 'Root' OR lower(useridentity.arn) LIKE :admin)
    AND (useridentity.invokedby IS NULL OR useridentity.invokedby = 'signin.amazonaws.com')
),
ranked AS (
  SELECT
    eventid, eventtime, eventname, sourceipaddress, awsregion, account, identity,
    row_number() OVER (PARTITION BY account, identity, sourceipaddress ORDER BY eventtime, eventid) AS number,
    count(*) OVER (PARTITION BY account, identity, sourceipaddress) AS calls
  FROM calls
)
SELECT
  eventtime AS time,
  eventname AS operation,
  identity AS actor,
  calls,
  sourceipaddress AS source_ip,
  account,
  awsregion AS region,
  eventid AS event_id
FROM ranked
WHERE number = 1 AND eventtime >= :from_time
ORDER BY time, event_id
