import { decodeRecord } from '../../schemas/codec/wire.ts'
import type { DeadLetter } from '../../schemas/records/dlq.ts'
import type { Turn } from '../turn.ts'
import { brokenSubmission, endBroken, homeElsewhere } from './broken-submission.ts'
import { fingerprintOf } from './fingerprint.ts'
import { CONTENT_SIZE, LETTER_INDEX } from './letter-index.ts'
import { about, forget } from './letters.ts'
import type { ContentRow, LetterRow } from './rows.ts'
import type { DlqSettings } from './settings.ts'
import { CONTENTS, COUNTERS, LETTERS } from './stores.ts'

/** Header of a record that was appended again: the letter it was. */
export const REPLAYED_LETTER_HEADER = 'beamline-replayed-letter'

/** Stores a letter; one that is known already changes nothing. A letter about a submission is stored where its run would have been. */
export function onDeadLetter(settings: DlqSettings, turn: Turn, record: DeadLetter): void {
  const { letterId, run } = record
  const broken = brokenSubmission(record, record.record)
  const home = broken === null ? null : homeElsewhere(turn, broken)
  if (home !== null) {
    turn.emit('dlq', home, record, letterId)
    return
  }
  if (turn.get(LETTERS, letterId) !== undefined) return
  const order = turn.get(COUNTERS, 'letters')?.next ?? 0
  turn.put(COUNTERS, 'letters', { next: order + 1 })
  const row: LetterRow = {
    state: 'open',
    order,
    tenant: record.tenant,
    category: record.category,
    error: record.error,
    fingerprint: fingerprintOf(record),
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    runId: run?.runId ?? null,
    flow: run?.flow ?? null,
    stepId: run?.failedStep ?? null,
    parentLetterId: parentOf(record),
    atMs: record.atMs,
    expiresAtMs: turn.now + settings.retentionMs,
    replayId: null,
    newRunId: null,
  }
  turn.put(LETTERS, letterId, row)
  turn.put(CONTENTS, letterId, contentOf(record))
  emitStored(turn, letterId, row)
  if (broken !== null) endBroken(turn, record, broken)
  keepWithinBounds(settings, turn)
}

/** Exactly the row's fields, so that a live row and a restored one are alike. */
function contentOf({ run, record }: DeadLetter): ContentRow {
  if (run === null) return { run, record }
  const { runId, flow, version, input, stickyKey, priority, metadata, traceparent, completed } = run
  return { run: { runId, flow, version, input, stickyKey, priority, metadata, traceparent, completed }, record }
}

function emitStored(turn: Turn, letterId: string, row: LetterRow): void {
  const { category, error, runId, flow, stepId, topic, partition, offset, parentLetterId } = row
  turn.emit(
    'events',
    turn.partition,
    {
      kind: 'LetterStored',
      ...about(turn, letterId, row),
      category,
      error,
      runId,
      flow,
      stepId,
      topic,
      partition,
      offset,
      parentLetterId,
    },
    letterId,
  )
}

/** The letter whose replay led to this one: named by whoever wrote it, by the record's header, or in the submission that was refused. */
function parentOf({ parentLetterId, record }: DeadLetter): string | null {
  if (parentLetterId !== null || record === null) return parentLetterId
  const named = record.headers[REPLAYED_LETTER_HEADER]
  if (named !== undefined) return named
  try {
    const submission = decodeRecord(record.value)
    return submission.kind === 'SubmitRun' ? submission.replay?.letterId || null : null
  } catch {
    return null
  }
}

function keepWithinBounds(settings: DlqSettings, turn: Turn): void {
  const { all } = turn.index(LETTER_INDEX)
  const size = turn.index(CONTENT_SIZE)
  while (all.size > settings.maxLetters || (size.bytes > settings.maxBytes && all.size > 1)) {
    const oldest = all.after(-1)!
    turn.count('dead_letters_evicted')
    forget(turn, oldest.key, turn.get(LETTERS, oldest.key)!, 'evicted: the partition holds too many letters')
  }
}
