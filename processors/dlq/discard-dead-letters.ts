import type { DlqDiscardBody } from '../../schemas/dlq-plan.ts'
import type { DiscardDeadLetters } from '../../schemas/records/dlq.ts'
import type { Turn } from '../turn.ts'
import { openLetters } from './letter-filter.ts'
import type { RequestRow } from './rows.ts'
import type { DlqSettings } from './settings.ts'
import { startSweep } from './sweep.ts'

/** Discards letters, with a reason. The answer counts them all; they go chunk by chunk. */
export function onDiscardDeadLetters(settings: DlqSettings, turn: Turn, record: DiscardDeadLetters): void {
  const { filter, reason, requestedBy, replyTo } = record
  const request: RequestRow = { action: 'discard', filter, ratePerSecond: 0, patch: null, requestedBy, reason }
  let matched = 0
  for (const _ of openLetters(turn, filter)) matched++
  // by the record's place in the log
  const id = `discard ${turn.cause.topic}/${turn.cause.offset}`
  startSweep(settings, turn, id, request, { matched, scheduled: matched, refused: 0 })
  const body: DlqDiscardBody = { matched, discarded: matched }
  if (replyTo !== null) turn.reply(replyTo, { ok: true, code: 'discarded', body })
}
