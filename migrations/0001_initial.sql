-- Times are INTEGER milliseconds since 1970. Invariants stand here as CHECKs where SQLite can hold them.

CREATE TABLE users (
  seq         INTEGER PRIMARY KEY,
  id          TEXT    NOT NULL UNIQUE,
  name        TEXT    NOT NULL,
  role        TEXT    NOT NULL CHECK (role IN ('admin', 'user')),
  token_hash  TEXT    NOT NULL UNIQUE,
  created_at  INTEGER NOT NULL,
  disabled_at INTEGER
) STRICT;

-- AUTOINCREMENT: the number of a pruned job, which its log row and a stale lease still name, is never given again.
CREATE TABLE jobs (
  seq                 INTEGER PRIMARY KEY AUTOINCREMENT,
  id                  TEXT    NOT NULL UNIQUE,
  owner_id            TEXT    NOT NULL,
  task_type           TEXT    NOT NULL,
  payload             TEXT    NOT NULL,
  status              TEXT    NOT NULL CHECK (status IN ('pending', 'running', 'failed', 'done', 'dlq', 'cancelled')),
  priority            INTEGER NOT NULL DEFAULT 0,
  retries             INTEGER NOT NULL DEFAULT 0 CHECK (retries BETWEEN 0 AND max_retries + 1),
  max_retries         INTEGER NOT NULL CHECK (max_retries >= 0),
  interruptions       INTEGER NOT NULL DEFAULT 0 CHECK (interruptions >= 0),
  dlq_redrives        INTEGER NOT NULL DEFAULT 0 CHECK (dlq_redrives >= 0),
  permanent           INTEGER NOT NULL DEFAULT 0 CHECK (permanent IN (0, 1)),
  run_at              INTEGER NOT NULL,
  timeout_ms          INTEGER,
  lease_epoch         INTEGER NOT NULL DEFAULT 0 CHECK (lease_epoch >= 0),
  lease_worker        TEXT,
  lease_until         INTEGER,
  cancel_requested_at INTEGER,
  idempotency_key     TEXT,
  request_hash        TEXT,
  result              TEXT,
  error               TEXT,
  created_at          INTEGER NOT NULL,
  started_at          INTEGER,
  finished_at         INTEGER,
  CHECK ((status = 'running') = (lease_worker IS NOT NULL)),
  CHECK ((status = 'running') = (lease_until IS NOT NULL)),
  CHECK ((status IN ('done', 'dlq', 'cancelled')) = (finished_at IS NOT NULL)),
  CHECK ((idempotency_key IS NULL) = (request_hash IS NULL))
) STRICT;

-- One index for each question a tick asks; each is partial, so that its size follows the work due.
CREATE INDEX jobs_due ON jobs (priority DESC, run_at, seq) WHERE status = 'pending';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE status = 'running';
CREATE INDEX jobs_cancelling ON jobs (seq) WHERE status = 'running' AND cancel_requested_at IS NOT NULL;
CREATE INDEX jobs_failed ON jobs (run_at) WHERE status = 'failed';
CREATE INDEX jobs_buried ON jobs (dlq_redrives, finished_at) WHERE status = 'dlq';
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE status IN ('done', 'cancelled');

-- What people list: their own jobs, and those that ended badly.
CREATE INDEX jobs_of_owner ON jobs (owner_id, seq);
CREATE INDEX jobs_parked ON jobs (status, seq) WHERE status IN ('failed', 'dlq', 'cancelled');
CREATE INDEX jobs_parked_of_owner ON jobs (owner_id, status, seq) WHERE status IN ('failed', 'dlq', 'cancelled');

-- The rule of idempotency is this index; nothing looks before it inserts.
CREATE UNIQUE INDEX jobs_idempotency ON jobs (owner_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Fencing epochs only rise, whatever statement comes.
CREATE TRIGGER jobs_epoch_never_falls BEFORE UPDATE OF lease_epoch ON jobs
WHEN new.lease_epoch < old.lease_epoch
BEGIN SELECT RAISE(ABORT, 'lease_epoch never falls'); END;

-- Append-only. A row with from_status or to_status is a transition; the others are remarks.
-- job_seq has no foreign key: the rows of a pruned job make place for one that names it in data.
CREATE TABLE logs (
  seq         INTEGER PRIMARY KEY AUTOINCREMENT,
  at          INTEGER NOT NULL,
  level       TEXT    NOT NULL CHECK (level IN ('debug', 'info', 'warn', 'error')),
  event       TEXT    NOT NULL,
  job_seq     INTEGER,
  owner_id    TEXT,
  task_type   TEXT,
  epoch       INTEGER,
  worker      TEXT,
  from_status TEXT,
  to_status   TEXT,
  message     TEXT,
  data        TEXT
) STRICT;
CREATE INDEX logs_of_job ON logs (job_seq, seq);
CREATE INDEX logs_of_owner ON logs (owner_id, seq);
CREATE INDEX logs_of_pruned ON logs (data ->> 'job_id') WHERE event = 'pruned';

-- The report: transitions folded up to logs.seq = job_counts_mark.through; owner '' holds the sum over all owners.
CREATE TABLE job_counts (
  owner_id  TEXT    NOT NULL,
  task_type TEXT    NOT NULL,
  status    TEXT    NOT NULL,
  n         INTEGER NOT NULL,
  PRIMARY KEY (owner_id, task_type, status)
) STRICT, WITHOUT ROWID;
CREATE TABLE job_counts_mark (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  through INTEGER NOT NULL
) STRICT;
INSERT INTO job_counts_mark (one, through) VALUES (1, 0);

-- Token buckets: one a user, and one a client address for requests without a valid token.
CREATE TABLE rate_limits (
  bucket    TEXT    PRIMARY KEY,
  tokens    REAL    NOT NULL CHECK (tokens >= 0),
  at        INTEGER NOT NULL,
  anonymous INTEGER NOT NULL CHECK (anonymous IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX rate_limits_of_strangers ON rate_limits (at) WHERE anonymous = 1;
