/** Letters of a batch and the groups they belong to. */
import type { ClientBase } from 'pg'
import type { LetterStatus } from '../../../topology/read-model/port.ts'
import type { LetterChange } from '../fold.ts'
import { LETTER_COLUMNS, letterValues, type Value } from '../rows.ts'
import { rowsOf } from './connection.ts'
import { quoted, recordset, recordsJson } from './recordset.ts'

type Stored = Extract<LetterChange, { readonly kind: 'LetterStored' }>
type Resolved = Exclude<LetterChange, Stored>

interface Letter {
  readonly letter_id: string
  readonly tenant: string
  readonly fingerprint: string
  status: LetterStatus
}

/** What a batch changes in a group: numbers are differences. */
interface GroupChange {
  readonly tenant: string
  readonly fingerprint: string
  open: number
  replayed: number
  discarded: number
  /** The latest letter of the group that is new. */
  latest: Stored | null
  firstAtMs: number
}

const RESOLVED_COLUMNS = 'letter_id status replay_id new_run_id resolved_at_ms resolved_by resolved_reason'.split(' ')
const GROUP_COLUMNS =
  `tenant fingerprint category flow step_id code message open replayed discarded first_at_ms last_at_ms`.split(' ')
const MOVED_COLUMNS = ['tenant', 'fingerprint', 'open', 'replayed', 'discarded']

const INSERT = `insert into letters(${quoted(LETTER_COLUMNS)}) select ${quoted(LETTER_COLUMNS)} from ${recordset(LETTER_COLUMNS, '$1')}`
const RESOLVE = `update letters set status = given.status, replay_id = coalesce(given.replay_id, letters.replay_id),
  new_run_id = coalesce(given.new_run_id, letters.new_run_id), resolved_at_ms = given.resolved_at_ms,
  resolved_by = given.resolved_by, resolved_reason = given.resolved_reason
  from ${recordset(RESOLVED_COLUMNS, '$1')} where letters.letter_id = given.letter_id`
const PUT_GROUPS = `insert into letter_groups(${quoted(GROUP_COLUMNS)}) select ${quoted(GROUP_COLUMNS)} from ${recordset(GROUP_COLUMNS, '$1')}
  on conflict (tenant, fingerprint) do update set open = letter_groups.open + excluded.open,
    replayed = letter_groups.replayed + excluded.replayed, discarded = letter_groups.discarded + excluded.discarded,
    first_at_ms = least(letter_groups.first_at_ms, excluded.first_at_ms),
    message = case when excluded.last_at_ms >= letter_groups.last_at_ms then excluded.message else letter_groups.message end,
    last_at_ms = greatest(letter_groups.last_at_ms, excluded.last_at_ms)`
const MOVE_IN_GROUPS = `update letter_groups set open = letter_groups.open + given.open,
  replayed = letter_groups.replayed + given.replayed, discarded = letter_groups.discarded + given.discarded
  from ${recordset(MOVED_COLUMNS, '$1')}
  where letter_groups.tenant = given.tenant and letter_groups.fingerprint = given.fingerprint`

export async function writeLetters(client: ClientBase, changes: readonly LetterChange[]): Promise<void> {
  if (changes.length === 0) return
  const ids = [...new Set(changes.map((change) => change.letterId))]
  const found = await rowsOf<Letter>(
    client,
    'select letter_id, tenant, fingerprint, status from letters where letter_id = any($1::text[])',
    [ids],
  )
  const letters = new Map(found.map((letter) => [letter.letter_id, letter]))
  const groups = new Groups()
  const inserted: Value[][] = []
  const resolved = new Map<string, Value[]>()
  for (const change of changes) {
    const letter = letters.get(change.letterId)
    if (change.kind === 'LetterStored') {
      if (letter !== undefined) continue
      inserted.push(letterValues(change))
      const { letterId, tenant, fingerprint } = change
      letters.set(letterId, { letter_id: letterId, tenant, fingerprint, status: 'open' })
      groups.store(change)
    } else if (letter !== undefined) {
      const status = change.kind === 'LetterReplayed' ? 'replayed' : 'discarded'
      resolved.set(change.letterId, resolvedValues(change, status, resolved.get(change.letterId)))
      groups.move(letter, status)
      letter.status = status
    }
  }
  await send(client, INSERT, LETTER_COLUMNS, inserted)
  await send(client, RESOLVE, RESOLVED_COLUMNS, [...resolved.values()])
  await send(client, PUT_GROUPS, GROUP_COLUMNS, groups.stored())
  await send(client, MOVE_IN_GROUPS, MOVED_COLUMNS, groups.moved())
}

function resolvedValues(letter: Resolved, status: LetterStatus, before: Value[] | undefined): Value[] {
  const [replayId, newRunId] = letter.kind === 'LetterReplayed' ? [letter.replayId, letter.newRunId] : [null, null]
  const ids = [replayId ?? before?.[2] ?? null, newRunId ?? before?.[3] ?? null]
  return [letter.letterId, status, ...ids, letter.atMs, letter.requestedBy, letter.reason]
}

async function send(client: ClientBase, statement: string, columns: readonly string[], rows: readonly Value[][]) {
  if (rows.length > 0) await client.query(statement, [recordsJson(columns, rows)])
}

class Groups {
  readonly #changes = new Map<string, GroupChange>()

  store(letter: Stored): void {
    const group = this.#of(letter.tenant, letter.fingerprint)
    group.open++
    group.firstAtMs = Math.min(group.firstAtMs, letter.atMs)
    if (group.latest === null || letter.atMs >= group.latest.atMs) group.latest = letter
  }

  move(letter: Letter, status: LetterStatus): void {
    const group = this.#of(letter.tenant, letter.fingerprint)
    group[letter.status]--
    group[status]++
  }

  stored(): Value[][] {
    return this.#sorted().flatMap(({ tenant, fingerprint, open, replayed, discarded, latest, firstAtMs }) => {
      if (latest === null) return []
      const { category, flow, stepId, error, atMs } = latest
      const names = [tenant, fingerprint, category, flow, stepId, error.code, error.message]
      return [[...names, open, replayed, discarded, firstAtMs, atMs]]
    })
  }

  moved(): Value[][] {
    const moved = this.#sorted().filter((group) => group.latest === null)
    return moved.map(({ tenant, fingerprint, open, replayed, discarded }) => [
      tenant,
      fingerprint,
      open,
      replayed,
      discarded,
    ])
  }

  /** In one order everywhere, so that two writers cannot wait for each other. */
  #sorted(): GroupChange[] {
    return [...this.#changes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
  }

  #of(tenant: string, fingerprint: string): GroupChange {
    const key = `${tenant} ${fingerprint}`
    const found = this.#changes.get(key)
    if (found !== undefined) return found
    const counts = { open: 0, replayed: 0, discarded: 0 }
    const group = { tenant, fingerprint, ...counts, latest: null, firstAtMs: Number.MAX_SAFE_INTEGER }
    this.#changes.set(key, group)
    return group
  }
}
