-- title: Everything in one session
-- title.ja: 特定セッションの全操作
-- answers: Every call of one session: of a console sign-in, whatever keys it used, or of one set of temporary credentials.
-- answers.ja: 指定したセッションの全呼び出し。
-- parameter: session  varchar  required  signInSessionArn, temporary access key id, or principal id with the session name
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
    useridentity.sessioncontext.signinsessionarn = :session OR signinsessionarn = :session
    OR useridentity.accesskeyid = :session OR useridentity.principalid = :session OR useridentity.arn = :session
  )
ORDER BY time, event_id
