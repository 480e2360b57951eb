import {
  arrayOf,
  bytes,
  defineRecord,
  double,
  int,
  json,
  long,
  mapOf,
  nullable,
  oneOf,
  type RecordOf,
  string,
  struct,
  type ValueOf,
} from '../define.ts'
import { errorInfo, replyTo, runId, stepId, tenantId } from './shared.ts'

const failedRunFields = {
  runId,
  flow: string,
  version: int,
  input: json,
  stickyKey: nullable(string),
  priority: int,
  metadata: nullable(json),
  traceparent: nullable(string),
  /** The step whose failure ended the run; `null` when it was the run itself (deadline, output expression). */
  failedStep: nullable(stepId),
  attempts: int,
  completed: arrayOf(struct({ stepId, output: json })),
}
/** What a replay needs to go on where the run failed. */
export type FailedRun = ValueOf<typeof failedRunFields>

const failedRecordFields = {
  key: nullable(string),
  value: bytes,
  headers: mapOf(string),
}
/** The record as it came, to be appended again (patched or not) to the topic it came from. */
export type FailedRecord = ValueOf<typeof failedRecordFields>

/** Something that cannot be processed. Either `run` or `record` is set. */
export const DeadLetter = defineRecord('DeadLetter', 1, {
  letterId: string,
  tenant: tenantId,
  /** `run_failed`: a run ended failed; `record_refused`: a valid record that cannot be accepted; `record_unreadable`: it cannot be decoded; `record_poison`: it made a processor throw. */
  category: oneOf('run_failed', 'record_refused', 'record_unreadable', 'record_poison', 'critical'),
  error: errorInfo,
  /** Where the cause lies. */
  topic: string,
  partition: int,
  offset: long,
  run: nullable(struct(failedRunFields)),
  record: nullable(struct(failedRecordFields)),
  /** The letter whose replay failed and made this one. */
  parentLetterId: nullable(string),
  atMs: long,
})
export type DeadLetter = RecordOf<typeof DeadLetter>

const letterFilterFields = {
  tenant: tenantId,
  fingerprint: nullable(string),
  flow: nullable(string),
  code: nullable(string),
  /** Empty: every letter that the other fields select. */
  letterIds: arrayOf(string),
}
export const letterFilter = struct(letterFilterFields)
export type LetterFilter = ValueOf<typeof letterFilterFields>

/** Asks each task what a replay of its share would do; nothing changes. */
export const PlanReplay = defineRecord('PlanReplay', 1, {
  filter: letterFilter,
  sample: int,
  replyTo,
})
export type PlanReplay = RecordOf<typeof PlanReplay>

export const ReplayDeadLetters = defineRecord('ReplayDeadLetters', 1, {
  /** One letter is replayed once under one replay id, however often the command arrives. */
  replayId: string,
  filter: letterFilter,
  /** This task's share of the rate; 0: as fast as possible. */
  ratePerSecond: double,
  /** This task's share of the number of letters; `null`: all. */
  limit: nullable(int),
  /** JSON merge patch (RFC 7396) for the input of runs, or the new value of a single record. */
  patch: nullable(json),
  requestedBy: nullable(string),
  reason: nullable(string),
  replyTo: nullable(replyTo),
})
export type ReplayDeadLetters = RecordOf<typeof ReplayDeadLetters>

export const DiscardDeadLetters = defineRecord('DiscardDeadLetters', 1, {
  filter: letterFilter,
  reason: string,
  requestedBy: nullable(string),
  replyTo: nullable(replyTo),
})
export type DiscardDeadLetters = RecordOf<typeof DiscardDeadLetters>
