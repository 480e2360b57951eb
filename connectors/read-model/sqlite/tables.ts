/** The tables of `../tables.ts` in SQLite, and their indexes. */

/** Steps hang off a run's small number, not its id, so that a run's steps lie together and new rows go to the end of the tree. */
export const TABLES = `
  CREATE TABLE meta(log_id TEXT) STRICT;
  CREATE TABLE positions(partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL, latest_ms INTEGER) STRICT;
  CREATE TABLE runs(
    n INTEGER PRIMARY KEY,
    run_key INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    flow TEXT NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    started_at_ms INTEGER,
    finished_at_ms INTEGER,
    partition INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    deadline_at_ms INTEGER,
    cause_topic TEXT NOT NULL,
    cause_offset INTEGER NOT NULL,
    sticky_key TEXT,
    idempotency_key TEXT,
    failed_step TEXT,
    error_code TEXT,
    cancel_reason TEXT,
    letter_id TEXT,
    replay_of TEXT,
    replay_id TEXT,
    input_bytes INTEGER,
    output_bytes INTEGER,
    error TEXT,
    metadata TEXT,
    input TEXT,
    output TEXT,
    events TEXT NOT NULL,
    packed_steps TEXT
  ) STRICT;
  CREATE TABLE large_inputs(run_n INTEGER PRIMARY KEY, input TEXT NOT NULL) STRICT;
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
    waits_for TEXT,
    waits_tenant TEXT,
    waits_accepted_ms INTEGER,
    optional INTEGER NOT NULL,
    output_bytes INTEGER,
    error TEXT,
    output TEXT,
    events TEXT NOT NULL,
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
  CREATE TABLE run_metadata(
    run_n INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    PRIMARY KEY(run_n, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE run_counts(
    partition INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    flow TEXT NOT NULL,
    version INTEGER NOT NULL,
    status TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY(tenant, flow, version, status, partition)
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
  CREATE TABLE letter_groups(
    tenant TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    category TEXT NOT NULL,
    flow TEXT,
    step_id TEXT,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    open INTEGER NOT NULL,
    replayed INTEGER NOT NULL,
    discarded INTEGER NOT NULL,
    first_at_ms INTEGER NOT NULL,
    last_at_ms INTEGER NOT NULL,
    PRIMARY KEY(tenant, fingerprint)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE operations(
    operation_id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    action TEXT NOT NULL,
    query TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    rate_per_s REAL NOT NULL,
    partitions INTEGER NOT NULL,
    requested_by TEXT,
    reason TEXT,
    started_at_ms INTEGER NOT NULL,
    first_offset INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE operation_parts(
    operation_id TEXT NOT NULL,
    partition INTEGER NOT NULL,
    state TEXT NOT NULL,
    matched INTEGER NOT NULL,
    done INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY(operation_id, partition)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE operation_items(
    operation_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    place TEXT NOT NULL,
    item_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT,
    new_run_id TEXT,
    PRIMARY KEY(operation_id, at_ms, place)
  ) STRICT, WITHOUT ROWID;
`

/**
 * Brings the indexes of a file up to these, whichever it has: they may change without building the file again. One that changes gets another name, and
 * leaves its old one in the last lines. Indexes end with a row's number by themselves, those that name it go on with what else is asked of their runs: these lie far apart,
 * and each that is read for its flow alone may cost a read of the disk. Those that leave out completed runs, nearly all of them, cost nothing for these.
 */
export const INDEXES = `
  CREATE INDEX IF NOT EXISTS runs_by_key ON runs(run_key);
  CREATE INDEX IF NOT EXISTS runs_newest ON runs(tenant, accepted_at_ms);
  CREATE INDEX IF NOT EXISTS runs_of_flow ON runs(tenant, flow, accepted_at_ms, n, version);
  CREATE INDEX IF NOT EXISTS runs_by_end ON runs(tenant, finished_at_ms) WHERE finished_at_ms IS NOT NULL;
  CREATE INDEX IF NOT EXISTS runs_by_state ON runs(tenant, status, accepted_at_ms, n, flow, version) WHERE status <> 'completed';
  CREATE INDEX IF NOT EXISTS runs_by_code ON runs(tenant, error_code, accepted_at_ms, n, flow, version) WHERE error_code IS NOT NULL;
  CREATE INDEX IF NOT EXISTS steps_waiting ON steps(waits_tenant, waits_for, waits_accepted_ms, run_n) WHERE waits_for IS NOT NULL;
  CREATE INDEX IF NOT EXISTS steps_waiting_by_step ON steps(waits_tenant, step_id, waits_accepted_ms, run_n) WHERE waits_for IS NOT NULL;
  CREATE INDEX IF NOT EXISTS runs_by_metadata ON run_metadata(tenant, key, value, accepted_at_ms, run_n);
  CREATE INDEX IF NOT EXISTS letters_newest ON letters(tenant, at_ms);
  CREATE INDEX IF NOT EXISTS letters_open ON letters(tenant, at_ms) WHERE status = 'open';
  CREATE INDEX IF NOT EXISTS letters_of_group ON letters(tenant, fingerprint, at_ms);
  CREATE INDEX IF NOT EXISTS letters_by_group ON letters(tenant, fingerprint, status, at_ms);
  CREATE INDEX IF NOT EXISTS letters_resolved ON letters(resolved_at_ms) WHERE status <> 'open';
  CREATE INDEX IF NOT EXISTS letter_groups_latest ON letter_groups(tenant, last_at_ms);
  CREATE INDEX IF NOT EXISTS operations_newest ON operations(tenant, started_at_ms, operation_id);
  DROP INDEX IF EXISTS runs_by_flow;
  DROP INDEX IF EXISTS runs_by_status;
  DROP INDEX IF EXISTS runs_by_error;
`
