-- Is anybody there?
-- > alive integer
SELECT 1 AS alive
