WITH calls AS (
  SELECT DISTINCT
    eventid, eventtime, eventsource, eventname, errorcode, readonly,
    CASE
      WHEN coalesce(useridentity.sessioncontext.signinsessionarn, signinsessionarn, '') <> ''
        THEN coalesce(useridentity.sessioncontext.signinsessionarn, signinsessionarn)
      ELSE ''
    END AS sign_in,
    coalesce(useridentity.accesskeyid, '') AS access_key
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
    AND day BETWEEN :from_day AND :to_day
    AND eventtime >= :from_time AND eventtime < :to_time
    AND useridentity.invokedby IS NULL
    AND eventname NOT IN ('ConsoleLogin', 'CheckMfa', 'SwitchRole', 'ExitRole', 'RenewRole', 'GetSigninToken')
),
sessions AS (
  SELECT eventid, eventtime, eventsource, eventname, errorcode, readonly,
    CASE WHEN sign_in IN (:keys) THEN sign_in ELSE access_key END AS session_key
  FROM calls
)
SELECT
  session_key,
  eventsource AS service,
  eventname AS operation,
  CASE WHEN errorcode IS NOT NULL THEN 'failed' WHEN readonly = 'true' THEN 'read' ELSE 'write' END AS kind,
  count(*) AS calls,
  max(eventtime) AS last
FROM sessions
WHERE session_key IN (:keys)
GROUP BY
  session_key, eventsource, eventname,
  CASE WHEN errorcode IS NOT NULL THEN 'failed' WHEN readonly = 'true' THEN 'read' ELSE 'write' END
ORDER BY session_key, calls DESC, operation
