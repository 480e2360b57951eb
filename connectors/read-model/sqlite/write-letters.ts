/** Letters and the groups they belong to. */
import type { DatabaseSync } from 'node:sqlite'
import type { LetterChange } from '../fold.ts'
import { LETTER_COLUMNS, letterValues } from '../rows.ts'
import { insertInto } from './statements.ts'

export interface LetterWriter {
  write(letter: LetterChange): void
}

type Stored = Extract<LetterChange, { readonly kind: 'LetterStored' }>
type Resolved = Exclude<LetterChange, Stored>

export function createLetterWriter(database: DatabaseSync): LetterWriter {
  const insert = database.prepare(insertInto('letters', LETTER_COLUMNS, 'ON CONFLICT(letter_id) DO NOTHING'))
  const find = database.prepare('SELECT status, tenant, fingerprint FROM letters WHERE letter_id = ?')
  const resolve = database.prepare(`UPDATE letters SET status = ?, replay_id = COALESCE(?, replay_id),
    new_run_id = COALESCE(?, new_run_id), resolved_at_ms = ?, resolved_by = ?, resolved_reason = ? WHERE letter_id = ?`)
  const putGroup = database.prepare(`INSERT INTO letter_groups
    (tenant, fingerprint, category, flow, step_id, code, message, open, replayed, discarded, first_at_ms, last_at_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, 1, 0, 0, ?, ?)
    ON CONFLICT DO UPDATE SET open = open + 1, first_at_ms = MIN(first_at_ms, excluded.first_at_ms),
      message = CASE WHEN excluded.last_at_ms >= last_at_ms THEN excluded.message ELSE message END,
      last_at_ms = MAX(last_at_ms, excluded.last_at_ms)`)
  const moveInGroup = database.prepare(`UPDATE letter_groups SET
    open = open - (?1 = 'open') + (?2 = 'open'), replayed = replayed - (?1 = 'replayed') + (?2 = 'replayed'),
    discarded = discarded - (?1 = 'discarded') + (?2 = 'discarded') WHERE tenant = ?3 AND fingerprint = ?4`)
  const store = (letter: Stored): void => {
    if (insert.run(...letterValues(letter)).changes === 0) return
    const { tenant, fingerprint, category, flow, stepId, error, atMs } = letter
    putGroup.run(tenant, fingerprint, category, flow, stepId, error.code, error.message, atMs, atMs)
  }
  const settle = (letter: Resolved): void => {
    const found = find.get(letter.letterId)
    if (found === undefined) return
    const status = letter.kind === 'LetterReplayed' ? 'replayed' : 'discarded'
    const [replayId, newRunId] = letter.kind === 'LetterReplayed' ? [letter.replayId, letter.newRunId] : [null, null]
    resolve.run(status, replayId, newRunId, letter.atMs, letter.requestedBy, letter.reason, letter.letterId)
    moveInGroup.run(found.status!, status, found.tenant!, found.fingerprint!)
  }
  return { write: (letter) => (letter.kind === 'LetterStored' ? store(letter) : settle(letter)) }
}
