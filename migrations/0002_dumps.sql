-- A snapshot of the report a minute, written by coordinate: what plots are drawn from, so that none counts jobs or logs.
-- `through` is the newest log row it saw; the next one samples what came after it.
CREATE TABLE dumps (
  minute  INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  through INTEGER NOT NULL,
  body    TEXT    NOT NULL
) STRICT;
