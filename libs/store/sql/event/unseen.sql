-- What a full read did not see although it had to: how much it is, beside how much there is.
-- $1 bigint calendar
-- $2 bigint generation
-- $3 bigint read mark
-- > unseen bigint
-- > total bigint
-- > hash bytea
SELECT count(*) FILTER (WHERE generation < $2 AND stamp <= $3) AS unseen,
    count(*) AS total,
    sha256(convert_to(coalesce(string_agg(provider_event_id, E'\n' ORDER BY provider_event_id)
        FILTER (WHERE generation < $2 AND stamp <= $3), ''), 'UTF8')) AS hash
FROM public.ce_calendar_events
WHERE calendar_id = $1 AND at_provider
