-- title: Everything by one access key
-- title.ja: 特定アクセスキーの全操作
-- answers: Every call signed with one access key, long-lived or temporary.
-- answers.ja: 指定したアクセスキーで署名された全呼び出し。
-- parameter: key  varchar  required  the access key id, such as AKIA...
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
  eventsource AS service,
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
  AND useridentity.accesskeyid = :key
ORDER BY time, event_id
