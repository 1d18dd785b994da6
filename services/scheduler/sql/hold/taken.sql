-- Whose slots are taken. People whose time the asker may not see are left out.
-- $1 uuid who asks
-- $2 uuid organisation
-- $3 uuid[] users
-- $4 timestamptz[] starts of the occurrences
-- $5 timestamptz[] their ends
-- $6 uuid a meeting that does not count
-- > user_id uuid
-- > start_at timestamptz
-- > end_at timestamptz
WITH seen AS (
    SELECT r.user_id FROM calfleet.freebusy_rights($1, $2, $3) AS r WHERE r.level <> 'none'
    UNION SELECT $1)
SELECT DISTINCT h.user_id, lower(h.during) AS start_at, upper(h.during) AS end_at
FROM calfleet.slot_holds h
JOIN seen USING (user_id)
JOIN unnest($4::timestamptz[], $5::timestamptz[]) AS w (start_at, end_at)
    ON h.during && tstzrange(w.start_at, w.end_at)
WHERE h.organization_id = $2 AND h.person = ANY (ARRAY(SELECT u::text FROM unnest($3::uuid[]) AS u))
    AND NOT h.overridden AND NOT h.moved_at_provider AND h.meeting_id <> $6
    AND (h.expires_at IS NULL OR h.expires_at > now())
ORDER BY start_at, h.user_id
LIMIT 20
