/** What a replay does with a letter: the plan says it, the replay does it. */
import type { DlqPlanAction } from '../../schemas/dlq-plan.ts'
import { homeOf, type RunId } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import { replayRunId } from '../../schemas/replay-run-id.ts'
import { isTopic } from '../../schemas/topics.ts'
import { FLOWS } from '../control/flows.ts'
import { NEW_RUN_HEADER } from '../ingest/refusal.ts'
import { ControlBehind, type Turn } from '../turn.ts'
import { brokenSubmission, isUnaccepted } from './broken-submission.ts'
import { patchedInput, problemOfNewRecord, problemOfPatchedRun } from './check-patched.ts'
import { REPLAYED_LETTER_HEADER } from './dead-letter.ts'
import { markReplayed } from './letters.ts'
import type { LetterRecord, LetterRow, LetterRun, RequestRow } from './rows.ts'
import { CONTENTS } from './stores.ts'

/** `checks`: also whether what the patch makes of it would be accepted. @throws {ControlBehind} when the letter's flow version is not known and `control` may hold more. */
export function actionOf(
  turn: Turn,
  letterId: string,
  row: LetterRow,
  request: RequestRow | null,
  checks = true,
): DlqPlanAction {
  const patch = checks ? (request?.patch ?? null) : null
  const content = turn.get(CONTENTS, letterId)
  if (content?.run) return runAction(turn, row, content.run, patch)
  if (!content?.record) return refused('NOTHING_TO_REPLAY', 'the letter carries neither a run nor a record')
  if (!isTopic(row.topic) || row.partition < 0 || row.partition >= turn.partitions) {
    return refused('TOPIC_UNKNOWN', `there is no partition ${row.partition} of a topic '${row.topic}' to append to`)
  }
  if (request !== null && request.patch !== null && request.filter.letterIds.length !== 1) {
    const message = 'a new value can be given to one record only; name it as the only letter id'
    return refused('PATCH_NEEDS_ONE_RECORD', message)
  }
  const wrong = patch === null ? null : problemOfNewRecord(turn, row, content.record, patch)
  if (wrong !== null) return refused('INVALID_RECORD', wrong)
  return { kind: 'append_record', topic: row.topic, partition: row.partition, size_bytes: content.record.value.length }
}

function runAction(turn: Turn, row: LetterRow, run: LetterRun, patch: JsonText | null): DlqPlanAction {
  const { flow, version } = run
  if (turn.get(FLOWS, `${row.tenant}/${flow}/${version}`) === undefined) {
    if (!turn.controlIsCurrent) throw new ControlBehind()
    return refused('FLOW_VERSION_UNKNOWN', `flow '${flow}' of tenant '${row.tenant}' has no version ${version}`)
  }
  const wrong = patch === null ? null : problemOfPatchedRun(turn, row, run, patch)
  if (wrong !== null) return refused('INVALID_INPUT', wrong)
  return { kind: 'new_run', flow, version, continues_after: run.completed.map((step) => step.stepId) }
}

function refused(code: string, message: string): DlqPlanAction {
  return { kind: 'refused', code, message }
}

/** Replays an open letter. False if that is refused; the letter then stays open. */
export function replayLetter(
  turn: Turn,
  letterId: string,
  row: LetterRow,
  replayId: string,
  request: RequestRow,
): boolean {
  if (actionOf(turn, letterId, row, request).kind === 'refused') return false
  const { run, record } = turn.get(CONTENTS, letterId)!
  let newRun: RunId | null = null
  if (run !== null) newRun = submitAgain(turn, letterId, row, run, replayId, request)
  else if (record !== null) appendAgain(turn, letterId, row, record, request)
  markReplayed(turn, letterId, row, replayId, newRun, request)
  return true
}

function submitAgain(
  turn: Turn,
  letterId: string,
  row: LetterRow,
  run: LetterRun,
  replayId: string,
  request: RequestRow,
): RunId {
  const { flow, version, stickyKey, priority, metadata, traceparent, completed } = run
  const id = replayRunId(run.runId, letterId, replayId)
  turn.emit(
    'ingest',
    homeOf(id, turn.partitions),
    {
      kind: 'SubmitRun',
      runId: id,
      tenant: row.tenant,
      flow,
      version,
      input: request.patch === null ? run.input : patchedInput(turn, row, run, request.patch),
      idempotencyKey: null,
      stickyKey,
      priority,
      metadata,
      traceparent,
      replyTo: null,
      submittedAtMs: turn.now,
      replay: { of: run.runId, replayId, letterId, completed },
    },
    id,
  )
  return id
}

function appendAgain(turn: Turn, letterId: string, row: LetterRow, record: LetterRecord, request: RequestRow): void {
  if (!isTopic(row.topic)) return
  const value = request.patch === null ? record.value : Buffer.from(request.patch)
  const headers = { ...record.headers, [REPLAYED_LETTER_HEADER]: letterId }
  const broken = brokenSubmission(row, record)
  const ended = broken === null ? row.category === 'record_refused' : isUnaccepted(turn, broken)
  const asNewRun = ended && row.topic === 'ingest'
  turn.emitRaw(
    row.topic,
    row.partition,
    record.key,
    value,
    asNewRun ? { ...headers, [NEW_RUN_HEADER]: 'yes' } : headers,
  )
}
