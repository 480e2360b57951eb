/** The thread's side of a worker pool. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Json } from '../../../../schemas/json.ts'
import { BlockError, type BlockLogLine } from '../../block.ts'
import {
  CLAIMED,
  CURRENT,
  INTERRUPT,
  PENDING,
  type WorkerCall,
  type WorkerReply,
  type WorkerSetup,
} from './protocol.ts'

/** Answers leave at the end of a batch, or after so long. */
const ANSWER_EVERY_MS = 2

/** How a call ended, and what it wrote to the step's log until then. */
export interface Answer {
  /** JSON text, or what the call is refused with. */
  readonly output: string | BlockError
  readonly log?: readonly BlockLogLine[]
}

export interface Program {
  /**
   * Runs a call. `interrupted` is true once nobody waits for it any more: it should end then, or the thread is killed.
   * What it throws is the call's error: a {@link BlockError} as it is, anything else under `otherwise`.
   */
  answer(payload: Json, interrupted: () => boolean): Answer
  readonly otherwise: string
  /** What has to be done before the next call; `null`: nothing. */
  prepare?(): Promise<void> | null
}

/** Runs calls until the thread is ended. */
export function serve(handle: (payload: Json) => Json, otherwise: string): void {
  serveProgram({ answer: (payload) => ({ output: JSON.stringify(handle(payload)) ?? 'null' }), otherwise })
}

/** Runs calls, one at a time and in order, until the thread is ended. */
export function serveProgram(program: Program): void {
  const port = parentPort
  if (port === null) throw new TypeError('this file runs as a worker thread only')
  const claims = new Int32Array((workerData as WorkerSetup).claims)
  const batches: (readonly WorkerCall[])[] = []
  let working = false
  const work = async (): Promise<void> => {
    working = true
    for (let calls = batches.shift(); calls !== undefined; calls = batches.shift()) {
      let replies: WorkerReply[] = []
      let since = performance.now()
      for (const call of calls) {
        const preparing = program.prepare?.()
        if (preparing != null) await preparing
        replies.push(run(program, call, claims))
        if (performance.now() - since < ANSWER_EVERY_MS) continue
        port.postMessage(replies)
        replies = []
        since = performance.now()
      }
      if (replies.length > 0) port.postMessage(replies)
    }
    working = false
  }
  port.on('message', (calls: readonly WorkerCall[]) => {
    batches.push(calls)
    if (!working) void work()
  })
  // says that it is ready
  port.postMessage([])
}

function run(program: Program, call: WorkerCall, claims: Int32Array): WorkerReply {
  const { slot } = call
  Atomics.store(claims, CURRENT, slot + 1)
  const isOurs = Atomics.compareExchange(claims, slot, PENDING, CLAIMED) === PENDING
  const reply: WorkerReply = isOurs ? replyTo(program, call, claims) : { slot, kind: 'skipped' }
  Atomics.store(claims, CURRENT, 0)
  return reply
}

function replyTo(program: Program, { slot, payload }: WorkerCall, claims: Int32Array): WorkerReply {
  try {
    const interrupted = (): boolean => Atomics.load(claims, INTERRUPT) === slot + 1
    const { output, log } = program.answer(JSON.parse(payload) as Json, interrupted)
    const kept = log === undefined || log.length === 0 ? {} : { log }
    return typeof output === 'string'
      ? { slot, kind: 'done', output, ...kept }
      : { ...failed(slot, output, program.otherwise), ...kept }
  } catch (error) {
    return failed(slot, error, program.otherwise)
  }
}

function failed(slot: number, error: unknown, otherwise: string): WorkerReply & { readonly kind: 'failed' } {
  const code = error instanceof BlockError ? error.code : otherwise
  const detail = error instanceof BlockError ? JSON.stringify(error.detail) : 'null'
  return { slot, kind: 'failed', code, message: error instanceof Error ? error.message : String(error), detail }
}
