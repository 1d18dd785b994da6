-- Who took part before a change, so that a refused one can be taken back.
-- $1 uuid command
-- $2 uuid meeting
UPDATE calfleet.schedule_commands
SET request = request || jsonb_build_object('before', (
    SELECT jsonb_agg(to_jsonb(p) - 'meeting_id')
    FROM calfleet.meeting_participants p WHERE p.meeting_id = $2))
WHERE id = $1
