-- title: Root sign-ins
-- title.ja: ルートユーザーのサインイン
-- answers: Who signed in to the console as root, from where, with MFA or without, and whether it succeeded.
-- answers.ja: ルートユーザーとしてコンソールにサインインした日時、接続元、MFA の有無、成否。
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid) AS actor,
  coalesce(json_extract_scalar(responseelements, '$.ConsoleLogin'), errorcode, 'unknown') AS result,
  errormessage AS error,
  coalesce(json_extract_scalar(additionaleventdata, '$.MFAUsed'), 'unknown') AS mfa,
  useragent AS user_agent,
  sourceipaddress AS source_ip,
  coalesce(recipientaccountid, useridentity.accountid) AS account,
  awsregion AS region,
  eventid AS event_id
FROM cloudtrail
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
  AND eventname = 'ConsoleLogin'
  AND useridentity.type = 'Root'
ORDER BY time, event_id
