-- Stored spans of connections in blocks of time, and the change counter of the same snapshot: what
-- is kept in Redis under that counter is exactly this. A block without spans has one row, its
-- calendar null; a connection that is gone has none.
-- $1 uuid[] of each block, the connection
-- $2 timestamptz[] its start
-- $3 timestamptz[] its end
-- > block bigint
-- > counter bigint
-- > now_at timestamptz
-- > calendar_id bigint
-- > start_at timestamptz
-- > end_at timestamptz
-- > show_as text
SELECT b.n AS block, t.value AS counter, statement_timestamp() AS now_at, s.calendar_id, s.start_at,
    s.end_at, s.show_as
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY
    AS b (connection_id, from_at, to_at, n)
JOIN calfleet.change_counters t ON t.connection_id = b.connection_id
LEFT JOIN LATERAL (
    SELECT i.calendar_id, i.start_at, i.end_at, i.show_as
    FROM calfleet.spans_in(ARRAY[b.connection_id], b.from_at, b.to_at) AS i) s ON true
ORDER BY b.n, s.calendar_id, s.start_at
