/** The rows of `dlq`'s stores. */
import {
  arrayOf,
  bytes,
  double,
  int,
  json,
  long,
  mapOf,
  nullable,
  oneOf,
  string,
  struct,
  type ValueOf,
} from '../../schemas/define.ts'
import { letterFilter } from '../../schemas/records/dlq.ts'
import { errorInfo, runId, stepId, tenantId } from '../../schemas/records/shared.ts'

export const letterFields = {
  state: oneOf('open', 'replayed', 'discarded'),
  /** Order of arrival. */
  order: long,
  tenant: tenantId,
  category: string,
  error: errorInfo,
  fingerprint: string,
  topic: string,
  partition: int,
  offset: long,
  runId: nullable(runId),
  flow: nullable(string),
  stepId: nullable(stepId),
  parentLetterId: nullable(string),
  atMs: long,
  expiresAtMs: long,
  /** What became of it. */
  replayId: nullable(string),
  newRunId: nullable(runId),
}
export type LetterRow = ValueOf<typeof letterFields>

const runFields = {
  flow: string,
  version: int,
  runId,
  input: json,
  stickyKey: nullable(string),
  priority: int,
  metadata: nullable(json),
  traceparent: nullable(string),
  completed: arrayOf(struct({ stepId, output: json })),
}
export type LetterRun = ValueOf<typeof runFields>

const recordFields = { key: nullable(string), value: bytes, headers: mapOf(string) }
export type LetterRecord = ValueOf<typeof recordFields>

export const contentFields = { run: nullable(struct(runFields)), record: nullable(struct(recordFields)) }
export type ContentRow = ValueOf<typeof contentFields>

export const requestFields = {
  action: oneOf('replay', 'discard'),
  filter: letterFilter,
  /** 0: as fast as possible. */
  ratePerSecond: double,
  patch: nullable(json),
  requestedBy: nullable(string),
  reason: nullable(string),
}
export type RequestRow = ValueOf<typeof requestFields>

export const sweepFields = {
  /** What the request was answered with. */
  matched: int,
  scheduled: int,
  refused: int,
  /** Letters still to be acted on. */
  left: int,
  /** Order of the last letter looked at, and of the last one that belongs to the sweep. */
  cursor: long,
  lastOrder: long,
  /** Chunks begun so far; the pace counts by them. */
  tick: long,
  /** When the next chunk is due; once the sweep has ended, when the row is forgotten. */
  dueAtMs: long,
  ended: oneOf('no', 'yes'),
}
export type SweepRow = ValueOf<typeof sweepFields>

export const counterFields = { next: long }
export type CounterRow = ValueOf<typeof counterFields>
