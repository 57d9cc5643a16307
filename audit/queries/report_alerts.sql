-- title: Alerts that people were told of
-- title.ja: 通知されたアラート
-- answers: Every alert that opened in the period and reached its threshold, with its worst severity and how many findings it has.
-- answers.ja: 期間内に発生し、しきい値に達したアラートの重大度と検出数。
-- parameter: history  bigint  "120"  how many days before the period an alert may have begun, which then opened earlier
WITH found AS (
  SELECT DISTINCT
    alert_id, finding_id, detection_id, received, quiet, account, title, actor,
    CASE severity WHEN 'CRITICAL' THEN 5 WHEN 'HIGH' THEN 4 WHEN 'MEDIUM' THEN 3 WHEN 'LOW' THEN 2 ELSE 1 END AS rank
  FROM findings
  WHERE account IN (:account) AND region IN (:region)
    AND day BETWEEN :history_day AND :to_day
    AND substr(received, 1, 19) < substr(:to_time, 1, 19)
)
SELECT
  min(received) AS time,
  min(account) AS account,
  max(CASE WHEN quiet IS NULL THEN rank END) AS severity,
  count(*) AS findings,
  count(CASE WHEN quiet IS NULL THEN 1 END) AS loud,
  alert_id AS alert
FROM found
GROUP BY alert_id
HAVING substr(min(received), 1, 19) >= substr(:from_time, 1, 19)
  AND count(CASE WHEN quiet IS NULL THEN 1 END) >= min(
    CASE
      WHEN quiet IS NOT NULL THEN 1000000
      WHEN detection_id = 'admin-attempts-denied' THEN 3
      WHEN detection_id = 'cis-console-authentication-failures' THEN 5
      WHEN detection_id = 'cis-unauthorized-api-calls' THEN 10
      WHEN detection_id = 'root-login-failed' THEN 5
      ELSE 1
    END
  )
ORDER BY time, alert
