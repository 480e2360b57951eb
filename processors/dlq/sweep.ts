/** Replays and discards go through the matching letters chunk by chunk, each in a turn of its own. */
import type { TenantId } from '../../schemas/ids.ts'
import { type DueHandler, dueHandler, type Turn } from '../turn.ts'
import { matches } from './letter-filter.ts'
import { LETTER_INDEX } from './letter-index.ts'
import { markDiscarded } from './letters.ts'
import { chunkOf } from './pace.ts'
import { replayLetter } from './replay-action.ts'
import type { LetterRow, RequestRow, SweepRow } from './rows.ts'
import type { DlqSettings } from './settings.ts'
import { COUNTERS, LETTERS, REQUESTS, SWEEPS } from './stores.ts'

/** Letters looked at in one turn, matching or not. */
const LOOK_AT = 10_000

/** How long a replay waits before it asks for room again. */
const FULL_WAIT_MS = 100

export type SweepStart = Pick<SweepRow, 'matched' | 'scheduled' | 'refused'>

/** Key of a replay's sweep; no key of a discard looks like this, since a tenant has neither space nor slash. */
export function replayKey(tenant: TenantId, replayId: string): string {
  return `${tenant}/${replayId}`
}

/** Begins with the letters that are stored by now; later ones are not part of it. */
export function startSweep(
  settings: DlqSettings,
  turn: Turn,
  id: string,
  request: RequestRow,
  start: SweepStart,
): void {
  const row: SweepRow = {
    ...start,
    left: start.scheduled,
    cursor: -1,
    lastOrder: (turn.get(COUNTERS, 'letters')?.next ?? 0) - 1,
    tick: 0,
    dueAtMs: turn.now,
    ended: 'no',
  }
  if (row.left === 0) {
    turn.put(SWEEPS, id, ended(settings, turn, row))
  } else {
    turn.put(REQUESTS, id, request)
    turn.put(SWEEPS, id, row)
  }
}

export function sweepDue(settings: DlqSettings): DueHandler {
  return dueHandler(SWEEPS, (turn, id, row) => {
    const request = turn.get(REQUESTS, id)
    if (row.ended === 'yes' || request === undefined) {
      turn.delete(SWEEPS, id)
      return
    }
    if (request.action === 'replay' && !settings.mayBegin(turn)) {
      turn.put(SWEEPS, id, { ...row, dueAtMs: turn.now + FULL_WAIT_MS })
      return
    }
    const next = sweepChunk(settings, turn, id, row, request)
    turn.put(SWEEPS, id, next)
    if (next.ended === 'yes') turn.delete(REQUESTS, id)
  })
}

function sweepChunk(settings: DlqSettings, turn: Turn, id: string, row: SweepRow, request: RequestRow): SweepRow {
  const chunk = chunkOf(request.ratePerSecond, row.tick, settings.chunk)
  const most = Math.min(chunk.letters, row.left)
  const { open } = turn.index(LETTER_INDEX)
  let { cursor } = row
  let done = 0
  for (let looked = 0; done < most && looked < LOOK_AT; looked++) {
    const next = open.after(cursor)
    if (next === undefined || next.order > row.lastOrder) return ended(settings, turn, row)
    cursor = next.order
    const letter = turn.get(LETTERS, next.key)!
    if (matches(request.filter, next.key, letter) && act(turn, next.key, letter, id, request)) done++
  }
  const left = row.left - done
  if (left === 0) return ended(settings, turn, row)
  // a chunk that only looked for letters does not count against the rate
  if (done === 0 && most > 0) return { ...row, cursor, dueAtMs: turn.now + 1 }
  return { ...row, cursor, left, tick: row.tick + 1, dueAtMs: turn.now + chunk.intervalMs }
}

function act(turn: Turn, letterId: string, letter: LetterRow, id: string, request: RequestRow): boolean {
  if (request.action === 'replay') {
    const replayId = id.slice(request.filter.tenant.length + 1)
    return replayLetter(turn, letterId, letter, replayId, request)
  }
  markDiscarded(turn, letterId, letter, request.reason ?? '', request.requestedBy)
  return true
}

function ended(settings: DlqSettings, turn: Turn, row: SweepRow): SweepRow {
  return { ...row, left: 0, ended: 'yes', dueAtMs: turn.now + settings.retentionMs }
}
