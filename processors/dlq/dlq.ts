/** The `dlq` topic: what could not be processed, kept until somebody replays or discards it, and commands about many things at once. */
import { OPERATION_ITEMS, OPERATIONS, operationHandlers, operationsDue } from '../operations/operations.ts'
import { dueHandler, handlers, type Processor } from '../turn.ts'
import { onDeadLetter } from './dead-letter.ts'
import { onDiscardDeadLetters } from './discard-dead-letters.ts'
import { forget } from './letters.ts'
import { onPlanReplay } from './plan-replay.ts'
import { onReplayDeadLetters } from './replay-dead-letters.ts'
import { type DlqOptions, dlqSettings } from './settings.ts'
import { CONTENTS, COUNTERS, LETTERS, REQUESTS, SWEEPS } from './stores.ts'
import { sweepDue } from './sweep.ts'

export type { DlqOptions } from './settings.ts'

/** @throws {RangeError} on options out of range. */
export function createDlq(options: DlqOptions = {}): Processor {
  const settings = dlqSettings(options)
  return {
    topic: 'dlq',
    stores: [LETTERS, SWEEPS, CONTENTS, REQUESTS, COUNTERS, OPERATIONS, OPERATION_ITEMS],
    handlers: handlers({
      DeadLetter: (turn, record) => onDeadLetter(settings, turn, record),
      PlanReplay: onPlanReplay,
      ReplayDeadLetters: (turn, record) => onReplayDeadLetters(settings, turn, record),
      DiscardDeadLetters: (turn, record) => onDiscardDeadLetters(settings, turn, record),
      ...operationHandlers(settings),
    }),
    due: [
      dueHandler(LETTERS, (turn, id, row) => forget(turn, id, row, 'expired: the retention is over')),
      sweepDue(settings),
      ...operationsDue(settings),
    ],
  }
}
