/**
 * A submission that could not be read, or that made its processor throw. If it carried a run id, somebody may have been told that the run is
 * accepted; so it ends, where the id lies, unless a copy of the submission was accepted after all.
 */
import { decodeIngest } from '../../schemas/codec/ingest-json.ts'
import { decodeRecord } from '../../schemas/codec/wire.ts'
import { DEFAULT_TENANT, homeOf, isRunId, type RunId } from '../../schemas/ids.ts'
import type { DeadLetter, FailedRecord } from '../../schemas/records/dlq.ts'
import type { SubmitRun } from '../../schemas/records/ingest.ts'
import { hasRun } from '../ingest/identity.ts'
import { NEW_RUN_HEADER, rejectRun } from '../ingest/refusal.ts'
import type { Turn } from '../turn.ts'

/** Refusals give their submissions an end themselves. */
const BROKEN: ReadonlySet<string> = new Set(['record_unreadable', 'record_poison'])

export interface BrokenSubmission {
  readonly id: RunId
  readonly submission: SubmitRun
}

/** The submission a letter of `ingest` is about, if its bytes say which run it asks for. */
export function brokenSubmission(
  letter: { readonly category: string; readonly topic: string },
  record: FailedRecord | null,
): BrokenSubmission | null {
  if (record === null || letter.topic !== 'ingest' || !BROKEN.has(letter.category)) return null
  // the run it came with has had its end before
  if (record.headers[NEW_RUN_HEADER] !== undefined) return null
  const submission = decode(record)
  if (submission === null) return null
  const { runId } = submission
  return runId !== null && isRunId(runId) ? { id: runId, submission } : null
}

function decode({ value, headers }: FailedRecord): SubmitRun | null {
  try {
    const record = decodeIngest(value, { headers, defaultTenant: DEFAULT_TENANT, nowMs: 0 })
    return record.kind === 'SubmitRun' ? record : null
  } catch {
    return decodeUnchecked(value)
  }
}

/** Also what has the form of a submission and was not taken for what it says. */
function decodeUnchecked(value: Uint8Array): SubmitRun | null {
  try {
    const record = decodeRecord(value)
    return record.kind === 'SubmitRun' ? record : null
  } catch {
    return null
  }
}

/** Partition whose task knows whether the run was accepted, if that is another one. */
export function homeElsewhere(turn: Turn, { id }: BrokenSubmission): number | null {
  const home = homeOf(id, turn.partitions)
  return home === turn.partition ? null : home
}

/** Whether the run was never accepted, as its home knows. */
export function isUnaccepted(turn: Turn, { id, submission }: BrokenSubmission): boolean {
  return !hasRun(turn, id, submission)
}

export function endBroken(turn: Turn, letter: DeadLetter, broken: BrokenSubmission): void {
  if (isUnaccepted(turn, broken)) rejectRun(turn, broken.submission, letter.error)
}
