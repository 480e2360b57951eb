/** Dead letters, one by one and by fingerprint. */
import type { DatabaseSync } from 'node:sqlite'
import type { RunId, StepId, TenantId } from '../../../schemas/ids.ts'
import type { JsonText } from '../../../schemas/json.ts'
import type {
  LetterGroup,
  LetterQuery,
  LetterStatus,
  LetterView,
  ReadModelCounts,
} from '../../../topology/read-model/port.ts'
import type { Row } from './query.ts'

const MAX_GROUPS = 1000
const SAMPLES = 5

export interface LetterQueries {
  /** Latest first, at most 1000. */
  groups(tenant: TenantId): LetterGroup[]
  letters(query: LetterQuery): LetterView[]
  countLetters(): ReadModelCounts['letters']
}

// With max() in the list SQLite takes the bare columns from the row that has the maximum.
const GROUPS = `SELECT fingerprint, category, flow, step_id, code, message, min(at_ms) AS first_at_ms, max(at_ms) AS last_at_ms,
    sum(status = 'open') AS open, sum(status = 'replayed') AS replayed, sum(status = 'discarded') AS discarded
  FROM letters WHERE tenant = ? GROUP BY fingerprint ORDER BY last_at_ms DESC LIMIT ${MAX_GROUPS}`

export function createLetterQueries(database: DatabaseSync): LetterQueries {
  const groups = database.prepare(GROUPS)
  const samples = database.prepare(`SELECT letter_id FROM letters
    WHERE tenant = ? AND fingerprint = ? AND status = 'open' ORDER BY at_ms DESC, letter_id LIMIT ${SAMPLES}`)
  const counts = database.prepare('SELECT status, count(*) AS count FROM letters GROUP BY status')
  return {
    groups: (tenant) =>
      (groups.all(tenant) as Row[]).map((row) =>
        letterGroup(row, samples.all(tenant, row.fingerprint as string) as Row[]),
      ),
    letters: (query) => listLetters(database, query),
    countLetters() {
      const result: { [S in LetterStatus]: number } = { open: 0, replayed: 0, discarded: 0 }
      for (const row of counts.all() as Row[]) result[row.status as LetterStatus] = row.count as number
      return result
    },
  }
}

function listLetters(database: DatabaseSync, query: LetterQuery): LetterView[] {
  const conditions = ['tenant = ?']
  const values: (string | number)[] = [query.tenant]
  if (query.fingerprint !== null) {
    conditions.push('fingerprint = ?')
    values.push(query.fingerprint)
  }
  if (query.status !== null) {
    conditions.push('status = ?')
    values.push(query.status)
  }
  const sql = `SELECT * FROM letters WHERE ${conditions.join(' AND ')} ORDER BY at_ms DESC, letter_id LIMIT ?`
  return (database.prepare(sql).all(...values, query.limit) as Row[]).map(letterView)
}

function letterGroup(row: Row, samples: readonly Row[]): LetterGroup {
  return {
    fingerprint: row.fingerprint as string,
    category: row.category as string,
    flow: row.flow as string | null,
    stepId: row.step_id as StepId | null,
    code: row.code as string,
    message: row.message as string,
    open: row.open as number,
    replayed: row.replayed as number,
    discarded: row.discarded as number,
    firstAtMs: row.first_at_ms as number,
    lastAtMs: row.last_at_ms as number,
    sampleLetterIds: samples.map((sample) => sample.letter_id as string),
  }
}

function letterView(row: Row): LetterView {
  return {
    letterId: row.letter_id as string,
    tenant: row.tenant as TenantId,
    fingerprint: row.fingerprint as string,
    category: row.category as string,
    status: row.status as LetterStatus,
    error: row.error as JsonText,
    runId: row.run_id as RunId | null,
    flow: row.flow as string | null,
    stepId: row.step_id as StepId | null,
    topic: row.topic as string,
    partition: row.partition as number,
    offset: row.offset as number,
    parentLetterId: row.parent_letter_id as string | null,
    atMs: row.at_ms as number,
    replayId: row.replay_id as string | null,
    newRunId: row.new_run_id as RunId | null,
    resolvedAtMs: row.resolved_at_ms as number | null,
    resolvedBy: row.resolved_by as string | null,
    resolvedReason: row.resolved_reason as string | null,
  }
}
