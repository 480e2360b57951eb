import {
  arrayOf,
  defineRecord,
  int,
  json,
  long,
  nullable,
  type RecordOf,
  string,
  struct,
  type ValueOf,
  withDefault,
} from '../define.ts'
import type { TenantId } from '../ids.ts'
import type { JsonText } from '../json.ts'
import { replyTo, runId, stepId, tenantId } from './shared.ts'

const takenOverFields = { stepId, output: json }
export type TakenOver = ValueOf<typeof takenOverFields>

const replayFields = {
  /** The run that failed. */
  of: runId,
  replayId: string,
  /** Empty: no letter, for a run that is run again as a whole. */
  letterId: string,
  /** Steps whose outputs are taken over instead of being run again. */
  completed: arrayOf(struct(takenOverFields)),
}
export type ReplayOrigin = ValueOf<typeof replayFields>

/** Asks for a run. Producers of Avro need no field but `flow`. JSON on the wire is accepted too, with the names in snake_case (see `codec/ingest-json.ts`). */
export const SubmitRun = defineRecord('SubmitRun', 1, {
  /** Given by the gateway; a record without one gets its id at ingest. */
  runId: nullable(runId),
  /** Empty: the default tenant. */
  tenant: withDefault(tenantId, '' as TenantId),
  flow: string,
  /** `null`: the latest. */
  version: nullable(int),
  input: withDefault(json, 'null' as JsonText),
  idempotencyKey: nullable(string),
  stickyKey: nullable(string),
  /** 0..9, higher first. */
  priority: nullable(int),
  /** A JSON object, for search. */
  metadata: nullable(json),
  traceparent: nullable(string),
  replyTo: nullable(replyTo),
  /** 0: not known. */
  submittedAtMs: withDefault(long, 0),
  replay: nullable(struct(replayFields)),
})
export type SubmitRun = RecordOf<typeof SubmitRun>
