-- title: Everything by one principal
-- title.ja: 特定プリンシパルの全操作
-- answers: Every call of one identity: a user, a role, or a session of it, by ARN, name or principal id.
-- answers.ja: 指定した ID（ユーザー、ロール、セッション）の全呼び出し。
-- parameter: principal  varchar  required  its ARN, user name or principal id
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
  AND (
    useridentity.arn = :principal OR useridentity.username = :principal OR useridentity.principalid = :principal
    OR useridentity.sessioncontext.sessionissuer.arn = :principal
    OR useridentity.sessioncontext.sessionissuer.username = :principal
  )
ORDER BY time, event_id
