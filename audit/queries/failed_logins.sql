-- title: Failed logins by address
-- title.ja: 接続元別のログイン失敗
-- answers: From which addresses console logins failed: how often, for whom, when, and whether one succeeded from there.
-- answers.ja: ログイン失敗の接続元ごとの回数、対象、時刻、同じ接続元からの成功の有無。
-- parameter: least  bigint  "1"  how many failures an address has at least
WITH logins AS (
  SELECT DISTINCT
    eventid, eventtime, sourceipaddress,
    json_extract_scalar(responseelements, '$.ConsoleLogin') AS result,
    CASE
      WHEN useridentity.type = 'Root' THEN 'root'
      WHEN useridentity.username = 'HIDDEN_DUE_TO_SECURITY_REASONS' THEN '(no such user)'
      ELSE coalesce(useridentity.username, useridentity.arn, useridentity.principalid, 'unknown')
    END AS who
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
    AND eventname = 'ConsoleLogin'
)
SELECT
  min(CASE WHEN result = 'Failure' THEN eventtime END) AS time,
  max(CASE WHEN result = 'Failure' THEN eventtime END) AS last_time,
  sum(CASE WHEN result = 'Failure' THEN 1 ELSE 0 END) AS failed,
  sum(CASE WHEN result = 'Success' THEN 1 ELSE 0 END) AS succeeded,
  array_join(array_agg(DISTINCT CASE WHEN result = 'Failure' THEN who END ORDER BY CASE WHEN result = 'Failure' THEN who END), ', ') AS actor,
  sourceipaddress AS source_ip
FROM logins
GROUP BY sourceipaddress
HAVING sum(CASE WHEN result = 'Failure' THEN 1 ELSE 0 END) >= :least
ORDER BY failed DESC, source_ip
