-- Which occurrences of a series have rows of their own.
-- $1 bigint calendar
-- $2 text the series, by the provider's id of its master
-- > original_start timestamptz
SELECT original_start FROM public.ce_calendar_events
WHERE calendar_id = $1 AND series_id = $2 AND original_start IS NOT NULL
