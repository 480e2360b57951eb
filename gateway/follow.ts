/** Reads a partition for as long as the gateway lives: a reader that fails is opened again after a pause. */

import type { Topic } from '../schemas/topics.ts'
import type { Environment } from '../topology/environment.ts'
import type { Log, LogReader, LogRecord, ReadFrom } from '../topology/log/port.ts'
import type { Logger } from './ports.ts'

const BATCH = 500
const REOPEN_MS = 1_000

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
  readonly onRecords: (records: readonly LogRecord[]) => void
}

export function follow(options: FollowOptions): Follower {
  const { log, environment, logger, topic, partition, from, onOpen, onRecords } = options
  let closed = false
  let reader: LogReader | null = null
  let endPause = (): void => {}
  const read = async (): Promise<void> => {
    const start = await from()
    if (closed) return
    reader = log.read(topic, partition, start)
    onOpen()
    for (;;) {
      const before = reader.position
      const records = await reader.next(BATCH)
      if (closed) return
      // nothing, and no step further: the log has closed the reader
      if (records.length === 0 && reader.position === before) throw new Error('the reader was closed')
      onRecords(records)
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
        await new Promise<void>((resolve) => {
          const cancel = environment.after(REOPEN_MS, resolve)
          endPause = () => {
            cancel()
            resolve()
          }
        })
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
      endPause()
      reader?.close()
    },
  }
}
