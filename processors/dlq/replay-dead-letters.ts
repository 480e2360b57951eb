import type { DlqReplayBody } from '../../schemas/dlq-plan.ts'
import { parseJson } from '../../schemas/json.ts'
import type { ReplayDeadLetters } from '../../schemas/records/dlq.ts'
import type { Turn } from '../turn.ts'
import { openLetters } from './letter-filter.ts'
import { actionOf } from './replay-action.ts'
import type { RequestRow } from './rows.ts'
import type { DlqSettings } from './settings.ts'
import { SWEEPS } from './stores.ts'
import { replayKey, type SweepStart, startSweep } from './sweep.ts'

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
  const start = countLetters(turn, request, record.limit)
  startSweep(settings, turn, replayKey(filter.tenant, record.replayId), request, start)
  answer(turn, record, 'scheduled', start)
}

function countLetters(turn: Turn, request: RequestRow, limit: number | null): SweepStart {
  let matched = 0
  let refused = 0
  for (const { letterId, row } of openLetters(turn, request.filter)) {
    matched++
    if (actionOf(turn, letterId, row, request).kind === 'refused') refused++
  }
  return { matched, refused, scheduled: Math.max(0, Math.min(matched - refused, limit ?? matched)) }
}

function answer(turn: Turn, record: ReplayDeadLetters, code: string, start: SweepStart): void {
  if (record.replyTo === null) return
  const { matched, scheduled, refused } = start
  const body: DlqReplayBody = { replay_id: record.replayId, matched, scheduled, refused }
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
