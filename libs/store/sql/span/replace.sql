-- The spans of these events as they are now; those that were there go.
-- $1 uuid connection
-- $2 bigint calendar
-- $3 uuid[] events whose spans are replaced
-- $4 uuid[] of each new span, the event
-- $5 timestamptz[] its start
-- $6 timestamptz[] its end
-- $7 text[] its show-as
WITH gone AS (
    DELETE FROM calfleet.spans s
    WHERE s.event_id = ANY ($3)
        AND NOT EXISTS (
            SELECT FROM unnest($4::uuid[], $5::timestamptz[]) AS n (event_id, start_at)
            WHERE n.event_id = s.event_id AND n.start_at = s.start_at))
INSERT INTO calfleet.spans AS s (event_id, start_at, end_at, connection_id, calendar_id, show_as)
SELECT n.event_id, n.start_at, n.end_at, $1, $2, n.show_as
FROM unnest($4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::text[])
    AS n (event_id, start_at, end_at, show_as)
ON CONFLICT (event_id, start_at) DO UPDATE
    SET end_at = excluded.end_at, show_as = excluded.show_as,
        connection_id = excluded.connection_id, calendar_id = excluded.calendar_id
    WHERE (s.end_at, s.show_as, s.calendar_id)
        IS DISTINCT FROM (excluded.end_at, excluded.show_as, excluded.calendar_id)
