/** Reads `events` of any log and hands the records to a read model, one batch per partition at a time. */
import type { Environment } from '../../topology/environment.ts'
import { type Log, LogError, type LogReader } from '../../topology/log/port.ts'
import type { EventRecord } from './events.ts'

const BATCH = 2000
const REOPEN_MS = 1_000
/** After an answer without records, so that a reader that was closed under us costs next to nothing. */
const EMPTY_MS = 20

/** What a pump needs of a log. */
export type EventLog = Pick<Log, 'read'>

export interface EventSink {
  /** `nextOffset`: everything before it has been handed over, also what was no record. */
  apply(partition: number, records: readonly EventRecord[], nextOffset: number): Promise<void>
}

export interface PumpOptions {
  readonly log: EventLog
  readonly environment: Environment
  readonly sink: EventSink
  /** Offsets to begin at, one per partition. */
  readonly positions: readonly number[]
  /** Told of a failure that passes by itself, which is tried again. */
  readonly onProblem: (message: string) => void
  /** The pump has stopped for good. */
  readonly onFailed: (error: unknown) => void
}

/** Returns a function that stops it and resolves when it has stopped. */
export function startPump(options: PumpOptions): () => Promise<void> {
  const state: PumpState = { stopped: false, open: new Set(), wake: new Set() }
  const pumps = Promise.all(options.positions.map((_, partition) => pump(options, state, partition))).catch(
    (error: unknown) => {
      if (state.stopped) return
      stop(state)
      options.onFailed(error)
    },
  )
  return async () => {
    stop(state)
    await pumps
  }
}

interface PumpState {
  stopped: boolean
  readonly open: Set<LogReader>
  readonly wake: Set<() => void>
}

function stop(state: PumpState): void {
  state.stopped = true
  for (const reader of state.open) reader.close()
  for (const wake of state.wake) wake()
}

async function pump(options: PumpOptions, state: PumpState, partition: number): Promise<void> {
  let position = options.positions[partition]!
  while (!state.stopped) {
    const reader = options.log.read('events', partition, { offset: position })
    state.open.add(reader)
    try {
      while (!state.stopped) {
        const records = await reader.next(BATCH)
        if (state.stopped) return
        const next = Math.max(position, reader.position)
        if (records.length > 0 || next > position) await options.sink.apply(partition, records, next)
        position = next
        if (records.length === 0) await rest(options, state, EMPTY_MS)
      }
    } catch (error) {
      if (state.stopped) return
      if (!(error instanceof LogError) || !error.retriable) throw error
      options.onProblem(`events/${partition} cannot be read: ${error.message}; trying again`)
      await rest(options, state, REOPEN_MS)
    } finally {
      reader.close()
      state.open.delete(reader)
    }
  }
}

function rest({ environment }: PumpOptions, state: PumpState, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      cancel()
      state.wake.delete(wake)
      resolve()
    }
    const cancel = environment.after(ms, wake)
    state.wake.add(wake)
  })
}
