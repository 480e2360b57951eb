import { type DlqRefusal, type DlqReplayBody, SHOWN_REFUSALS } from '../../schemas/dlq-plan.ts'
import { parseJson } from '../../schemas/json.ts'
import type { ReplayDeadLetters } from '../../schemas/records/dlq.ts'
import type { Turn } from '../turn.ts'
import { openLetters } from './letter-filter.ts'
import { actionOf } from './replay-action.ts'
import type { RequestRow } from './rows.ts'
import type { DlqSettings } from './settings.ts'
import { REQUESTS, SWEEPS } from './stores.ts'
import { replayKey, type SweepStart, startSweep } from './sweep.ts'

/** Letters whose patched form is checked before the answer. */
const CHECKED_AT_ONCE = 20

const NOTHING: SweepStart = { matched: 0, scheduled: 0, refused: 0 }

interface Refusals {
  readonly refusals?: readonly DlqRefusal[]
}

/** Begins a replay and answers what it will do. A replay id that is known changes nothing and gets the first answer again. */
export function onReplayDeadLetters(settings: DlqSettings, turn: Turn, record: ReplayDeadLetters): void {
  const known = turn.get(SWEEPS, replayKey(record.filter.tenant, record.replayId))
  const wrong = problemOf(record)
  if (known !== undefined) answer(turn, record, 'already_scheduled', known)
  else if (wrong === null) begin(settings, turn, record)
  else if (record.replyTo !== null) turn.reply(record.replyTo, { ok: false, ...wrong })
}

function begin(settings: DlqSettings, turn: Turn, record: ReplayDeadLetters): void {
  const { filter, ratePerSecond, patch, requestedBy, reason } = record
  const request: RequestRow = { action: 'replay', filter, ratePerSecond, patch, requestedBy, reason }
  const taken = isTaken(turn, filter)
  const start = taken ? NOTHING : countLetters(turn, request, record.limit)
  // one that was named, with a patch that does not fit or while another replay has it, can be asked for again under the same id
  const isNothing = start.scheduled === 0 && (patch !== null || taken) && filter.letterIds.length > 0
  if (!isNothing) startSweep(settings, turn, replayKey(filter.tenant, record.replayId), request, start)
  answer(turn, record, 'scheduled', start)
}

/** Whether another replay or discard has the one letter that is named, and its turn has not come: of two that would be promised a run only one would get it. */
function isTaken(turn: Turn, { tenant, letterIds }: ReplayDeadLetters['filter']): boolean {
  const [letterId] = letterIds
  if (letterId === undefined || letterIds.length > 1) return false
  for (const [, { filter }] of turn.rows(REQUESTS)) {
    if (filter.tenant === tenant && filter.letterIds.length === 1 && filter.letterIds[0] === letterId) return true
  }
  return false
}

function countLetters(turn: Turn, request: RequestRow, limit: number | null): SweepStart & Refusals {
  let matched = 0
  let refused = 0
  const refusals: DlqRefusal[] = []
  for (const { letterId, row } of openLetters(turn, request.filter)) {
    matched++
    // what a patch makes of many is looked at when their turn comes
    const action = actionOf(turn, letterId, row, request, matched <= CHECKED_AT_ONCE)
    if (action.kind !== 'refused') continue
    refused++
    if (refusals.length < SHOWN_REFUSALS)
      refusals.push({ letter_id: letterId, code: action.code, message: action.message })
  }
  return { matched, refused, refusals, scheduled: Math.max(0, Math.min(matched - refused, limit ?? matched)) }
}

function answer(turn: Turn, record: ReplayDeadLetters, code: string, start: SweepStart & Refusals): void {
  if (record.replyTo === null) return
  const { matched, scheduled, refused, refusals = [] } = start
  const body: DlqReplayBody = { replay_id: record.replayId, matched, scheduled, refused, refusals }
  turn.reply(record.replyTo, { ok: true, code, body })
}

function problemOf(record: ReplayDeadLetters): { readonly code: string; readonly body: { message: string } } | null {
  const { ratePerSecond, patch } = record
  if (!Number.isFinite(ratePerSecond) || ratePerSecond < 0) {
    return { code: 'RATE_INVALID', body: { message: `the rate is ${ratePerSecond}; expected 0 or more per second` } }
  }
  try {
    if (patch !== null) parseJson(patch)
    return null
  } catch (error) {
    return { code: 'PATCH_INVALID', body: { message: `the patch is not JSON: ${(error as Error).message}` } }
  }
}
