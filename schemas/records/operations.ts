/**
 * Bulk operations: one action on many runs or dead letters. Commands lie on `dlq`, beside those about dead letters; what came of them lies on
 * `events`.
 */
import {
  arrayOf,
  defineRecord,
  double,
  int,
  json,
  long,
  nullable,
  oneOf,
  type RecordOf,
  string,
  struct,
  type ValueOf,
} from '../define.ts'
import { letterFilter } from './dlq.ts'
import { cause, replyTo, runId, tenantId } from './shared.ts'

/** `cancel`, `retry` and `rerun` are about runs, `replay` and `discard` about dead letters. */
export const OPERATION_ACTIONS = ['cancel', 'retry', 'rerun', 'replay', 'discard'] as const
export type OperationAction = (typeof OPERATION_ACTIONS)[number]

export const OPERATION_STATES = ['running', 'stopped', 'finished'] as const
/** `skipped`: there was nothing to do any more; `failed`: it was refused, with a code that says why. */
export const ITEM_OUTCOMES = ['done', 'skipped', 'failed'] as const
export type ItemOutcome = (typeof ITEM_OUTCOMES)[number]

const submissionFields = {
  flow: string,
  version: nullable(int),
  input: json,
  stickyKey: nullable(string),
  priority: nullable(int),
  metadata: nullable(json),
}

const operationItemFields = {
  /** Of the run or letter. */
  id: string,
  /** What to submit again; of `rerun` alone. */
  submission: nullable(struct(submissionFields)),
}
export const operationItem = struct(operationItemFields)
export type OperationItem = ValueOf<typeof operationItemFields>

/** A part of the list of what an operation is about, sent to the items' home before the operation begins. Without a start it is forgotten. */
export const AddOperationItems = defineRecord('AddOperationItems', 1, {
  operationId: string,
  /** One for each try to begin the operation, so that lists of two tries are not mixed. */
  listId: string,
  /** From 0 within list and partition. */
  seq: int,
  items: arrayOf(operationItem),
})
export type AddOperationItems = RecordOf<typeof AddOperationItems>

const shareFields = {
  /** Of the list, in this partition. */
  chunks: int,
  items: int,
}

/** Begins an operation. Sent to partition 0 alone, whose task sends a copy to every other one in the commit in which it answers. */
export const StartOperation = defineRecord('StartOperation', 1, {
  operationId: string,
  tenant: tenantId,
  action: oneOf(...OPERATION_ACTIONS),
  /** As it was asked, for those who look at the operation. */
  query: json,
  /** Over all that was asked: the same operation id with another one is refused. */
  requestHash: string,
  /** Over all partitions; 0: as fast as possible. */
  ratePerSecond: double,
  listId: string,
  /** By partition. Of letters only an estimate, by which the rate is divided: each task looks up its own. */
  shares: arrayOf(struct(shareFields)),
  /** Of `replay` and `discard`. */
  letters: nullable(letterFilter),
  requestedBy: nullable(string),
  reason: nullable(string),
  replyTo: nullable(replyTo),
})
export type StartOperation = RecordOf<typeof StartOperation>

/** Nothing more is begun. Sent to partition 0, whose task passes it on. */
export const StopOperation = defineRecord('StopOperation', 1, {
  operationId: string,
  tenant: tenantId,
  replyTo: nullable(replyTo),
})
export type StopOperation = RecordOf<typeof StopOperation>

const operation = { operationId: string, tenant: tenantId, atMs: long, ...cause }

/** Said once, by the task of partition 0. */
export const OperationStarted = defineRecord('OperationStarted', 1, {
  ...operation,
  action: oneOf(...OPERATION_ACTIONS),
  query: json,
  requestHash: string,
  ratePerSecond: double,
  /** So many tasks take part. */
  partitions: int,
  requestedBy: nullable(string),
  reason: nullable(string),
})
export type OperationStarted = RecordOf<typeof OperationStarted>

const itemResultFields = {
  id: string,
  outcome: oneOf(...ITEM_OUTCOMES),
  code: nullable(string),
  /** What a retry, rerun or replay began. */
  newRunId: nullable(runId),
}
export type ItemResult = ValueOf<typeof itemResultFields>

/** What one task has done since it said so last, in the commit that did it. Numbers are those of the task since the operation's start. */
export const OperationProgressed = defineRecord('OperationProgressed', 1, {
  ...operation,
  state: oneOf(...OPERATION_STATES),
  matched: int,
  done: int,
  skipped: int,
  failed: int,
  items: arrayOf(struct(itemResultFields)),
})
export type OperationProgressed = RecordOf<typeof OperationProgressed>
