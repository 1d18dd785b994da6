-- Who takes part, before they are written again from what a command has kept.
-- $1 uuid command whose change is taken back
DELETE FROM calfleet.meeting_participants p USING calfleet.schedule_commands d
WHERE d.id = $1 AND p.meeting_id = d.meeting_id AND jsonb_typeof(d.request -> 'before') = 'array'
