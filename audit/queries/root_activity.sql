-- title: All root activity
-- title.ja: ルートユーザーの全操作
-- answers: Every call as root, with the service that made it where root did not, and whether it failed.
-- answers.ja: ルートユーザーとしての全呼び出し。サービスが代行したものはそのサービス名、失敗の有無も示す。
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
  eventsource AS service,
  CASE WHEN useridentity.invokedby <> 'signin.amazonaws.com' THEN useridentity.invokedby END AS by_service,
  coalesce(readonly, 'unknown') AS read_only,
  requestparameters AS request,
  errorcode AS error,
  useragent AS user_agent,
  sourceipaddress AS source_ip,
  coalesce(recipientaccountid, useridentity.accountid) AS account,
  awsregion AS region,
  eventid AS event_id
FROM cloudtrail
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
  AND useridentity.type = 'Root'
ORDER BY time, event_id
