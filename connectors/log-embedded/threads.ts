/** Starting the writer and the reader thread. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { LogError } from '../../topology/log/port.ts'
import { type Caller, caller } from './calls.ts'
import type { ReaderCalls, ReaderData, StoredState, WriterCalls, WriterData } from './protocol.ts'
import type { WriterReady } from './writer-thread.ts'

export interface Threads {
  readonly state: StoredState
  readonly writer: Caller<WriterCalls>
  readonly reader: Caller<ReaderCalls>
  /** Ends both at once, as they are. */
  terminate(): Promise<void>
}

/** The sources run as they are, the built package as JavaScript. */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/** `onDeath`: a thread ended without being told to. @throws {LogError} what opening the folder ended with */
export async function startThreads(
  writerData: WriterData,
  readerData: ReaderData,
  onDeath: (error: LogError) => void,
): Promise<Threads> {
  const { port1, port2 } = new MessageChannel()
  const writerThread = thread('writer', { ...writerData, maintenance: port1 }, [port1])
  const state = await ready(writerThread)
  const readerThread = thread('reader', { ...readerData, writer: port2 }, [port2])
  const writer = caller<WriterCalls>(writerThread)
  const reader = caller<ReaderCalls>(readerThread)
  const threads = { state, writer, reader, terminate }
  let ended = false
  async function terminate(): Promise<void> {
    ended = true
    await Promise.all([writerThread.terminate(), readerThread.terminate()])
    const error = new LogError('LOG_CLOSED', 'the log is closed')
    writer.fail(error)
    reader.fail(error)
  }
  for (const [name, worker] of [
    ['writer', writerThread],
    ['reader', readerThread],
  ] as const) {
    const died = (cause: unknown) => {
      if (ended) return
      const error = new LogError('OUTCOME_UNKNOWN', `the log's ${name} thread ended: ${(cause as Error).message}`, {
        cause,
      })
      writer.fail(error)
      reader.fail(error)
      onDeath(error)
    }
    worker.on('error', died)
    worker.on('exit', (code) => died(new Error(`exit code ${code}`)))
  }
  return threads
}

function thread(name: string, workerData: object, transferList: readonly MessagePort[]): Worker {
  const url = new URL(`./${name}-thread.${EXTENSION}`, import.meta.url)
  return new Worker(url, { name: `log-${name}`, workerData, transferList: [...transferList] as never })
}

function ready(worker: Worker): Promise<StoredState> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (message: WriterReady) => {
      worker.off('error', reject)
      if ('state' in message) return resolve(message.state)
      reject(new LogError(message.error.code, message.error.message))
    })
  })
}
