-- A page and its place in the read: the first committer wins, no row: somebody else was first.
-- $1 bigint calendar
-- $2 bigint cursor version that was seen
-- $3 text where the next page begins; null: this was the last one
-- $4 text the new cursor, on the last page
-- $5 timestamptz spans are complete from here, on the last page of a full read
-- $6 timestamptz and until here
-- > cursor_version bigint
UPDATE calfleet.calendars
SET page_cursor = $3::text,
    cursor = coalesce($4, cursor),
    full_read = full_read AND $3::text IS NOT NULL,
    covered = CASE WHEN $5::timestamptz IS NULL THEN covered ELSE tstzrange($5, $6) END,
    cursor_version = cursor_version + 1
WHERE id = $1 AND cursor_version = $2 AND synced
RETURNING cursor_version
