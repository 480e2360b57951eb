/** What the log itself says after the demo: every run's beginning and end, read from `events` in the data folder, not from the API. */
import { openEmbeddedReader } from '../../connectors/log-embedded/reader.ts'
import { decodeRecord } from '../../schemas/codec/wire.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'

export interface RunHistory {
  readonly runId: string
  readonly flow: string
  readonly idempotencyKey: string | null
  readonly replayOf: string | null
  readonly acceptedAtMs: number
  endedAtMs: number | null
  status: 'open' | 'completed' | 'failed' | 'cancelled' | 'timed_out'
  /** How often an end was recorded; must be 1. */
  ends: number
  retries: number
}

export interface DemoHistory {
  readonly runs: ReadonlyMap<string, RunHistory>
  readonly events: number
  readonly lettersStored: number
  readonly lettersReplayed: number
  readonly lettersDiscarded: number
  /** Submissions that never became a run. */
  readonly recordsRefused: number
}

const ENDS = {
  RunCompleted: 'completed',
  RunFailed: 'failed',
  RunCancelled: 'cancelled',
  RunTimedOut: 'timed_out',
} as const

export function readHistory(dataFolder: string): DemoHistory {
  const runs = new Map<string, RunHistory>()
  const counts = new Map<string, number>()
  const reader = openEmbeddedReader(dataFolder)
  try {
    for (const { topic, partition, firstOffset, nextOffset } of reader.ends()) {
      if (topic !== 'events') continue
      for (let offset = firstOffset; offset < nextOffset; ) {
        const records = reader.read('events', partition, offset, 5_000)
        if (records.length === 0) break
        for (const record of records) add(runs, counts, decodeRecord(record.value))
        offset = records.at(-1)!.offset + 1
      }
    }
  } finally {
    reader.close()
  }
  const count = (kind: string): number => counts.get(kind) ?? 0
  return {
    runs,
    events: [...counts.values()].reduce((sum, n) => sum + n, 0),
    lettersStored: count('LetterStored'),
    lettersReplayed: count('LetterReplayed'),
    lettersDiscarded: count('LetterDiscarded'),
    recordsRefused: count('refused'),
  }
}

function add(runs: Map<string, RunHistory>, counts: Map<string, number>, event: BeamlineRecord): void {
  counts.set(event.kind, (counts.get(event.kind) ?? 0) + 1)
  switch (event.kind) {
    case 'RunAccepted':
      runs.set(event.runId, {
        runId: event.runId,
        flow: event.flow,
        idempotencyKey: event.idempotencyKey,
        replayOf: event.replayOf,
        acceptedAtMs: event.atMs,
        endedAtMs: null,
        status: 'open',
        ends: 0,
        retries: 0,
      })
      return
    case 'StepRetrying': {
      const run = runs.get(event.runId)
      if (run !== undefined) run.retries++
      return
    }
    case 'RunCompleted':
    case 'RunFailed':
    case 'RunCancelled':
    case 'RunTimedOut': {
      const run = runs.get(event.runId)
      if (run === undefined) return
      run.ends++
      run.status = ENDS[event.kind]
      run.endedAtMs = event.atMs
      return
    }
    case 'LetterStored':
      if (event.category === 'record_refused') counts.set('refused', (counts.get('refused') ?? 0) + 1)
  }
}
