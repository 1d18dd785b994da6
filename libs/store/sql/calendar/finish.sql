-- Runs that ended well, many at a time: when each calendar was read, its cursor where that is new
-- although nothing changed, and when it is due again; a due time that was set while the run was under
-- way stays, since it means a read that begins later. A row whose version moved on belongs to another
-- run; one that is locked is not returned and done singly afterwards.
-- $1 bigint[] calendars, each once
-- $2 bigint[] cursor versions after the run
-- $3 timestamptz[] due again at
-- $4 timestamptz[] read at
-- $5 text[] cursors; null: as it is
-- $6 timestamptz[] due times that the runs saw, in whole ms; null: none
-- > calendar_id bigint
WITH done AS (
    SELECT d.id, d.version, d.due_at, d.read_at, d.cursor, d.seen
    FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::text[],
            $6::timestamptz[])
        AS d (id, version, due_at, read_at, cursor, seen)),
locked AS (
    SELECT k.id, d.due_at, d.read_at, d.cursor,
        date_trunc('milliseconds', k.due_at) IS NOT DISTINCT FROM d.seen AS is_seen
    FROM calfleet.calendars k JOIN done d ON d.id = k.id AND d.version = k.cursor_version
    ORDER BY k.id
    FOR UPDATE OF k SKIP LOCKED)
UPDATE calfleet.calendars k
SET due_at = CASE WHEN k.due_at IS NULL OR NOT l.is_seen THEN k.due_at ELSE l.due_at END,
    due_reason = CASE WHEN l.is_seen THEN 'poll' ELSE k.due_reason END,
    cursor = coalesce(l.cursor, k.cursor), last_read_at = l.read_at, fail_count = 0,
    parked_until = NULL, park_reason = NULL, park_detail = NULL
FROM locked l WHERE k.id = l.id
RETURNING k.id AS calendar_id
