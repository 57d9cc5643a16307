-- title: Everything from one address
-- title.ja: 特定の接続元からの全操作
-- answers: Every call from one address, by whomever.
-- answers.ja: 指定した接続元からの全呼び出し。
-- parameter: address  varchar  required  the address, as in sourceIPAddress
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
  AND sourceipaddress = :address
ORDER BY time, event_id
