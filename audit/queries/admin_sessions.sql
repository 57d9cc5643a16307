-- title: Administrators’ sessions
-- title.ja: 管理者のセッション
-- answers: Every session of an administrator that began: a role assumed, a sign-in, or credentials from Identity Center.
-- answers.ja: 開始された管理者セッション。ロールの引き受け、サインイン、Identity Center からの認証情報。
-- parameter: admin  varchar  "%admin%"  the pattern (LIKE, lower case) by which ARNs of administrators are known
SELECT DISTINCT
  eventtime AS time,
  eventname AS operation,
  coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
  coalesce(json_extract_scalar(requestparameters, '$.roleArn'), json_extract_scalar(requestparameters, '$.role_name'), useridentity.arn) AS resource,
  json_extract_scalar(requestparameters, '$.roleSessionName') AS session_name,
  json_extract_scalar(responseelements, '$.credentials.accessKeyId') AS access_key_id,
  coalesce(
    json_extract_scalar(additionaleventdata, '$.MFAUsed'),
    useridentity.sessioncontext.attributes.mfaauthenticated, 'unknown'
  ) AS mfa,
  useragent AS user_agent,
  sourceipaddress AS source_ip,
  coalesce(recipientaccountid, useridentity.accountid) AS account,
  awsregion AS region,
  eventid AS event_id
FROM cloudtrail
WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
  AND errorcode IS NULL
  AND (
    (
      eventname IN ('AssumeRole', 'AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity')
      AND lower(json_extract_scalar(requestparameters, '$.roleArn')) LIKE :admin
    )
    OR (eventname = 'GetRoleCredentials' AND lower(json_extract_scalar(requestparameters, '$.role_name')) LIKE :admin)
    OR (
      eventname = 'ConsoleLogin'
      AND lower(useridentity.arn) LIKE :admin
      AND json_extract_scalar(responseelements, '$.ConsoleLogin') = 'Success'
    )
  )
ORDER BY time, event_id
