/** The thread's side of a worker pool. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Json } from '../../../../schemas/json.ts'
import { BlockError } from '../../block.ts'
import { CLAIMED, CURRENT, PENDING, type WorkerCall, type WorkerReply, type WorkerSetup } from './protocol.ts'

/** Answers leave at the end of a batch, or after so long. */
const ANSWER_EVERY_MS = 2

/**
 * Runs calls until the thread is ended. What `handle` throws is the call's error: a {@link BlockError} as it is, anything else under
 * `otherwise`.
 */
export function serve(handle: (payload: Json) => Json, otherwise: string): void {
  const port = parentPort
  if (port === null) throw new TypeError('this file runs as a worker thread only')
  const claims = new Int32Array((workerData as WorkerSetup).claims)
  port.on('message', (calls: readonly WorkerCall[]) => {
    let replies: WorkerReply[] = []
    let since = performance.now()
    for (const call of calls) {
      Atomics.store(claims, CURRENT, call.slot + 1)
      const isOurs = Atomics.compareExchange(claims, call.slot, PENDING, CLAIMED) === PENDING
      replies.push(isOurs ? answer(call, handle, otherwise) : { slot: call.slot, kind: 'skipped' })
      Atomics.store(claims, CURRENT, 0)
      if (performance.now() - since < ANSWER_EVERY_MS) continue
      port.postMessage(replies)
      replies = []
      since = performance.now()
    }
    if (replies.length > 0) port.postMessage(replies)
  })
}

function answer(call: WorkerCall, handle: (payload: Json) => Json, otherwise: string): WorkerReply {
  try {
    return { slot: call.slot, kind: 'done', output: JSON.stringify(handle(JSON.parse(call.payload) as Json)) ?? 'null' }
  } catch (error) {
    const code = error instanceof BlockError ? error.code : otherwise
    const detail = error instanceof BlockError ? JSON.stringify(error.detail) : 'null'
    const message = error instanceof Error ? error.message : String(error)
    return { slot: call.slot, kind: 'failed', code, message, detail }
  }
}
