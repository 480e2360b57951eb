/** Reads a partition for as long as the gateway lives: a reader that fails is opened again after a pause. */
import type { Topic } from '../schemas/topics.ts'
import type { Environment } from '../topology/environment.ts'
import type { Log, LogReader, LogRecord, ReadFrom } from '../topology/log/port.ts'
import type { Logger } from './ports.ts'

const BATCH = 500
const REOPEN_MS = 1_000
/** After an answer without records, so that a reader that was closed under us costs next to nothing. */
const EMPTY_MS = 20

export interface Follower {
  /** Offset of the next record; 0 while the reader is not open. */
  readonly position: number
  close(): void
}

export interface FollowOptions {
  readonly log: Log
  readonly environment: Environment
  readonly logger: Logger
  readonly topic: Topic
  readonly partition: number
  /** Asked at each opening. */
  readonly from: () => Promise<ReadFrom>
  /** The reader has its place: what is appended from now on is read. */
  readonly onOpen: () => void
  /** Also called without records, when the position may have moved past what is no record. */
  readonly onRecords: (records: readonly LogRecord[]) => void
}

export function follow(options: FollowOptions): Follower {
  const { log, logger, topic, partition, from, onOpen, onRecords } = options
  const pause = pauses(options.environment)
  let closed = false
  let reader: LogReader | null = null
  const read = async (): Promise<void> => {
    const start = await from()
    if (closed) return
    reader = log.read(topic, partition, start)
    onOpen()
    while (!closed) {
      const records = await reader.next(BATCH)
      if (closed) return
      onRecords(records)
      if (records.length === 0) await pause.wait(EMPTY_MS)
    }
  }
  const run = async (): Promise<void> => {
    while (!closed) {
      try {
        await read()
      } catch (error) {
        if (closed) return
        logger.error({ component: 'gateway', topic, partition, error }, `${topic} cannot be read; trying again`)
        reader?.close()
        await pause.wait(REOPEN_MS)
      }
    }
  }
  void run()
  return {
    get position() {
      return reader?.position ?? 0
    },
    close() {
      closed = true
      pause.end()
      reader?.close()
    },
  }
}

interface Pauses {
  wait(ms: number): Promise<void>
  end(): void
}

function pauses(environment: Environment): Pauses {
  let end = (): void => {}
  return {
    wait: (ms) =>
      new Promise((resolve) => {
        const cancel = environment.after(ms, resolve)
        end = () => {
          cancel()
          resolve()
        }
      }),
    end: () => end(),
  }
}
