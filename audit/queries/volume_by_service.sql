-- title: Volume by service
-- title.ja: サービス別の件数
-- answers: How many calls each service recorded, how many changed something, how many failed, and by how many identities.
-- answers.ja: サービスごとの呼び出し数、変更数、失敗数、ID 数。
SELECT
  eventsource AS service,
  count(DISTINCT eventid) AS calls,
  count(DISTINCT CASE WHEN coalesce(readonly, 'false') <> 'true' THEN eventid END) AS changes,
  count(DISTINCT CASE WHEN errorcode IS NOT NULL THEN eventid END) AS failed,
  count(DISTINCT coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown')) AS actors,
  min(eventtime) AS first_call,
  max(eventtime) AS last_call
FROM cloudtrail
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
GROUP BY eventsource
ORDER BY calls DESC, service
