-- A full read begins: a new generation, and the mark before which rows may be swept.
-- $1 bigint calendar
-- $2 bigint cursor version that was seen
-- $3 bigint change counter when the read begins
-- $4 bytea hash of the query's parameters
-- > cursor_version bigint
-- > generation bigint
UPDATE calfleet.calendars
SET cursor = NULL, page_cursor = NULL, full_read = true, generation = generation + 1,
    read_mark = $3, query_shape = $4, cursor_version = cursor_version + 1
WHERE id = $1 AND cursor_version = $2 AND synced
RETURNING cursor_version, generation
