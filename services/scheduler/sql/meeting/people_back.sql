-- Who took part before a change that is taken back.
-- $1 uuid command
INSERT INTO calfleet.meeting_participants
    (meeting_id, person, user_id, address, display_name, role, response)
SELECT d.meeting_id, b.person, b.user_id, b.address, b.display_name, b.role, b.response
FROM calfleet.schedule_commands d,
    jsonb_to_recordset(d.request -> 'before')
        AS b (person text, user_id uuid, address text, display_name text, role text, response text)
WHERE d.id = $1 AND jsonb_typeof(d.request -> 'before') = 'array'
