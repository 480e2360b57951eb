/** The projection's tables. A change of these raises {@link TABLES_VERSION}; a file of another version is built again from the log. */
export const TABLES_VERSION = 1

/**
 * Steps hang off a run's small number, not its id, so that a run's steps lie together and new rows go to the end of the tree.
 * The status index leaves out completed runs, nearly all of them, which so cost nothing.
 */
export const TABLES = `
  CREATE TABLE positions(partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
  CREATE TABLE runs(
    n INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    flow TEXT NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    started_at_ms INTEGER,
    finished_at_ms INTEGER,
    priority INTEGER NOT NULL,
    sticky_key TEXT,
    idempotency_key TEXT,
    deadline_at_ms INTEGER,
    metadata TEXT,
    input TEXT,
    input_bytes INTEGER,
    output TEXT,
    output_bytes INTEGER,
    error TEXT,
    failed_step TEXT,
    cancel_reason TEXT,
    letter_id TEXT,
    replay_of TEXT,
    replay_id TEXT,
    cause_topic TEXT NOT NULL,
    cause_offset INTEGER NOT NULL,
    partition INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX runs_newest ON runs(tenant, accepted_at_ms, run_id);
  CREATE INDEX runs_by_status ON runs(tenant, status, accepted_at_ms, run_id) WHERE status <> 'completed';
  CREATE TABLE steps(
    run_n INTEGER NOT NULL,
    step_id TEXT NOT NULL,
    first_offset INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    pool TEXT,
    worker_id TEXT,
    queued_at_ms INTEGER,
    started_at_ms INTEGER,
    finished_at_ms INTEGER,
    due_at_ms INTEGER,
    reason TEXT,
    output TEXT,
    output_bytes INTEGER,
    error TEXT,
    optional INTEGER NOT NULL,
    PRIMARY KEY(run_n, step_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE failed_attempts(
    run_n INTEGER NOT NULL,
    step_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    failed_at_ms INTEGER NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY(run_n, step_id, attempt)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE letters(
    n INTEGER PRIMARY KEY,
    letter_id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    category TEXT NOT NULL,
    status TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    error TEXT NOT NULL,
    run_id TEXT,
    flow TEXT,
    step_id TEXT,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    parent_letter_id TEXT,
    at_ms INTEGER NOT NULL,
    replay_id TEXT,
    new_run_id TEXT,
    resolved_at_ms INTEGER,
    resolved_by TEXT,
    resolved_reason TEXT
  ) STRICT;
  CREATE INDEX letters_by_group ON letters(tenant, fingerprint, status, at_ms);
`
