/** The stores of `dlq`. A letter is a small row that changes and a content that is written once and goes when nobody needs it any more. */
import { defineValue } from '../../schemas/define.ts'
import type { StoreDef } from '../turn.ts'
import { CONTENT_SIZE, LETTER_INDEX } from './letter-index.ts'
import {
  type ContentRow,
  type CounterRow,
  contentFields,
  counterFields,
  type LetterRow,
  letterFields,
  type RequestRow,
  requestFields,
  type SweepRow,
  sweepFields,
} from './rows.ts'

/** By letter id, until its retention ends. */
export const LETTERS: StoreDef<LetterRow> = {
  name: 'letters',
  id: 40,
  type: defineValue('LetterRow', letterFields),
  dueAt: (row) => row.expiresAtMs,
  indexes: [LETTER_INDEX],
}

/** By `tenant/replay id`, or by the log position of a discard: how far it has come. Kept for the retention, so that a repeat does nothing. */
export const SWEEPS: StoreDef<SweepRow> = {
  name: 'sweeps',
  id: 41,
  type: defineValue('SweepRow', sweepFields),
  dueAt: (row) => row.dueAtMs,
}

/** By letter id: what a replay needs; only of open letters. */
export const CONTENTS: StoreDef<ContentRow> = {
  name: 'letter_contents',
  id: 43,
  type: defineValue('ContentRow', contentFields),
  indexes: [CONTENT_SIZE],
}

/** As `sweeps`: what was asked for; until the sweep has ended. */
export const REQUESTS: StoreDef<RequestRow> = {
  name: 'sweep_requests',
  id: 44,
  type: defineValue('RequestRow', requestFields),
}

/** One row, `letters`: the order of the next letter. */
export const COUNTERS: StoreDef<CounterRow> = {
  name: 'letter_counters',
  id: 45,
  type: defineValue('CounterRow', counterFields),
}
