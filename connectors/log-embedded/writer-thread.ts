/** Entry of the writer's worker thread. Answers the main thread, and the reader thread's maintenance on a port of its own. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { LogError } from '../../topology/log/port.ts'
import { answer, Moved } from './calls.ts'
import { openFolder } from './folder.ts'
import type { StoredState, ThreadError, WriteGroup, WriterCalls, WriterData } from './protocol.ts'
import { readState } from './stored-state.ts'
import { createWriter } from './writer.ts'

const SQLITE_FULL = 13

export type WriterReady = { readonly state: StoredState } | { readonly error: ThreadError }

const main = parentPort!
const { maintenance, ...data } = workerData as WriterData & {
  readonly maintenance: MessagePort
}
const { folder, partitions, maxPages } = data

try {
  start()
} catch (error) {
  main.postMessage({ error: errorOf(error) } satisfies WriterReady)
  maintenance.close()
}

function start(): void {
  const opened = openFolder(data)
  const { database } = opened
  const limit = (pages: number) => database.exec(`PRAGMA max_page_count = ${pages}`)
  if (maxPages !== null) limit(maxPages)
  const writer = createWriter(database)
  const calls = {
    ...writer,
    write(group: WriteGroup) {
      writer.write(group)
      return new Moved(group.data, [group.data.buffer])
    },
    state: () => readState(database, partitions),
    limit,
    close() {
      maintenance.close()
      opened.close()
    },
  }
  answer<WriterCalls>(maintenance, calls, errorOf)
  main.postMessage({ state: calls.state() } satisfies WriterReady)
  answer<WriterCalls>(main, calls, errorOf)
}

function errorOf(error: unknown): ThreadError {
  if (error instanceof LogError) return { code: error.code, message: error.message }
  const { errcode, message } = error as { errcode?: number; message: string }
  if (errcode === SQLITE_FULL) return { code: 'LOG_FULL', message: `the disk of ${folder} is full: ${message}` }
  return { code: 'OUTCOME_UNKNOWN', message: `writing to ${folder} failed: ${message}` }
}
