-- title: Activity out of hours
-- title.ja: 時間外の活動
-- answers: What root and administrators did at night and at weekends.
-- answers.ja: 夜間と週末の特権 ID の操作。
-- parameter: admin  varchar  "%admin%"  the pattern (LIKE, lower case) by which ARNs of administrators are known
-- parameter: begins  bigint  "8"  the hour at which work begins
-- parameter: ends  bigint  "19"  the hour at which it ends
-- parameter: offset  bigint  "0"  hours that local time is ahead of UTC
WITH calls AS (
  SELECT DISTINCT
    eventtime, eventname, eventid, eventsource, errorcode, sourceipaddress, awsregion,
    coalesce(useridentity.arn, useridentity.principalid, useridentity.invokedby, useridentity.accountid, 'unknown') AS actor,
    coalesce(recipientaccountid, useridentity.accountid) AS account,
    date_add('hour', :offset, from_iso8601_timestamp(eventtime)) AS local_time
  FROM cloudtrail
  WHERE account IN (:account) AND region IN (:region)
  AND day BETWEEN :from_day AND :to_day
  AND eventtime >= :from_time AND eventtime < :to_time
    AND (useridentity.type = 'Root' OR lower(useridentity.arn) LIKE :admin)
    AND (useridentity.invokedby IS NULL OR useridentity.invokedby = 'signin.amazonaws.com')
    AND coalesce(readonly, 'false') <> 'true'
)
SELECT
  eventtime AS time,
  eventname AS operation,
  actor,
  eventsource AS service,
  hour(local_time) AS local_hour,
  day_of_week(local_time) AS weekday,
  errorcode AS error,
  sourceipaddress AS source_ip,
  account,
  awsregion AS region,
  eventid AS event_id
FROM calls
WHERE hour(local_time) < :begins OR hour(local_time) >= :ends OR day_of_week(local_time) > 5
ORDER BY time, event_id
