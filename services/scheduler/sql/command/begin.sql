-- Before the provider is first written to: from here on the holds do not expire. No row: a hold is
-- gone, or somebody else works on the command.
-- $1 uuid command
-- $2 integer attempts: the fence
-- $3 bigint for how many ms nobody else takes it up
-- > id uuid
WITH kept AS (
    UPDATE calfleet.slot_holds h SET expires_at = NULL
    FROM calfleet.schedule_commands d
    WHERE d.id = $1 AND h.meeting_id = d.meeting_id
    RETURNING h.id),
begun AS (
    UPDATE calfleet.schedule_commands d
    SET state = 'begun', begun_at = coalesce(begun_at, now()),
        due_at = now() + $3::bigint * interval '1 millisecond'
    WHERE d.id = $1 AND d.attempts = $2 AND d.finished_at IS NULL
        AND (SELECT count(*) FROM kept)
            = coalesce((d.request ->> 'holds')::bigint, (SELECT count(*) FROM kept))
    RETURNING d.id, d.kind, d.meeting_id),
moved AS (
    UPDATE calfleet.meetings m SET state = 'creating', updated_at = now()
    FROM begun b WHERE m.id = b.meeting_id AND b.kind = 'create')
SELECT id FROM begun
