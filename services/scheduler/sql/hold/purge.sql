-- Deletes what has expired, some at a time; what somebody else works on is left to the next time.
-- $1 bigint how many at most
DELETE FROM calfleet.slot_holds
WHERE id IN (
    SELECT h.id FROM calfleet.slot_holds h
    WHERE h.expires_at <= now()
        AND NOT EXISTS (SELECT FROM calfleet.schedule_commands d
                        WHERE d.meeting_id = h.meeting_id AND d.finished_at IS NULL)
    ORDER BY h.id LIMIT $1 FOR UPDATE OF h SKIP LOCKED)
