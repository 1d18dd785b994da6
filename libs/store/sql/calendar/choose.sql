-- The owner's choice of calendars; triggers do what it means. Those of another connection are left
-- out: fewer rows come back than were asked for.
-- $1 uuid connection
-- $2 bigint[] calendars, each once
-- $3 bigint[] synced: 1, 0, -1: as it is
-- $4 bigint[] counts_as_busy: 1, 0, -1: as it is
-- > id bigint
UPDATE calfleet.calendars k
SET synced = CASE a.synced WHEN 1 THEN true WHEN 0 THEN false ELSE k.synced END,
    counts_as_busy = CASE a.busy WHEN 1 THEN true WHEN 0 THEN false ELSE k.counts_as_busy END
FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS a (id, synced, busy)
WHERE k.id = a.id AND k.connection_id = $1
RETURNING k.id
