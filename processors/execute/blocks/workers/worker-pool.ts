/**
 * Calls to threads that can be killed. A call whose signal is aborted ends at once: if a thread is in it, the thread is killed and replaced, and
 * the other calls it held go to another. Threads start when they are needed and then stay; idle ones cost nothing but memory.
 */
import type { Json } from '../../../../schemas/json.ts'
import { BlockError, type BlockLogLine } from '../../block.ts'
import type { BlockTools } from '../tools.ts'
import { type PoolCall, PoolThread, type ThreadListener } from './pool-thread.ts'
import type { WorkerReply } from './protocol.ts'

export interface WorkerPoolOptions {
  /** The thread's program. */
  readonly file: URL
  /** Threads at most, from 1. */
  readonly size: number
  /** Heap of a thread in MiB; one that needs more is killed by the runtime. */
  readonly heapMb: number
  /** Error code of a call that a thread died in. */
  readonly endedCode: string
  /** Stack of a thread in MiB; default 4. */
  readonly stackMb?: number
  /** Calls back once after at least `ms`. Without it no call is interrupted: its thread is killed at once. */
  readonly after?: BlockTools['after']
}

export interface CallOptions {
  /** The thread's program ends the call by itself when it is interrupted; the thread is killed only if it does not. */
  readonly interruptible?: boolean
  /** Told what the call wrote to the step's log, when it has ended. */
  readonly log?: ((line: BlockLogLine) => void) | undefined
}

/** How long an interrupted call may go on; to start another thread takes longer still, and a busy machine is slow to interrupt. */
const INTERRUPT_GRACE_MS = 100

const BATCH = 32

export class WorkerPool implements ThreadListener {
  readonly #options: WorkerPoolOptions
  readonly #threads: PoolThread[] = []
  #waiting: PoolCall[] = []
  #dispatchIsDue = false
  #closed = false

  constructor(options: WorkerPoolOptions) {
    this.#options = options
  }

  get threads(): number {
    return this.#threads.length
  }

  /** Rejects with the signal's reason if that is aborted, else with the {@link BlockError} of the call. */
  call(payload: Json, signal: AbortSignal, options: CallOptions = {}): Promise<Json> {
    return new Promise((resolve, reject) => {
      if (signal.aborted || this.#closed) {
        reject(signal.aborted ? signal.reason : closedError())
        return
      }
      const onAbort = (): void => {
        this.#abort(call)
        reject(signal.reason)
      }
      const call: PoolCall = {
        payload: JSON.stringify(payload),
        settle: (reply) => {
          signal.removeEventListener('abort', onAbort)
          if (reply.log !== undefined && options.log !== undefined) for (const line of reply.log) options.log(line)
          deliver(reply, resolve, reject)
        },
        fail: (error) => {
          signal.removeEventListener('abort', onAbort)
          reject(error)
        },
        interruptible: options.interruptible === true && this.#options.after !== undefined,
        thread: null,
        slot: -1,
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(call)
      this.#dispatchSoon()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    const threads = this.#threads.splice(0)
    for (const call of this.#waiting.splice(0)) call.fail(closedError())
    for (const thread of threads) for (const call of thread.kill()) call.fail(closedError())
    await Promise.all(threads.map((thread) => thread.close()))
  }

  answered(thread: PoolThread): void {
    if (this.#waiting.length === 0 && thread.held === 0) this.#rebalance()
    this.#dispatch()
  }

  ended(thread: PoolThread, calls: readonly PoolCall[], failed: readonly PoolCall[], error: Error): void {
    this.#remove(thread)
    const ended = (): BlockError =>
      new BlockError(this.#options.endedCode, `the worker thread ended: ${error.message}`, { cause: error })
    for (const call of failed) call.fail(ended())
    this.#waiting = [...calls.filter((call) => !failed.includes(call)), ...this.#waiting]
    this.#dispatch()
  }

  /** Calls of the same moment travel together. */
  #dispatchSoon(): void {
    if (this.#dispatchIsDue) return
    this.#dispatchIsDue = true
    queueMicrotask(() => {
      this.#dispatchIsDue = false
      this.#dispatch()
    })
  }

  #dispatch(): void {
    if (this.#closed) return
    while (this.#waiting.length > 0) {
      const startable = this.#options.size - this.#threads.length
      const idle = this.#threads.filter((thread) => thread.held === 0).length
      const thread = this.#choose(idle, startable)
      if (thread === undefined) return
      const share = Math.ceil(this.#waiting.length / Math.max(1, idle + startable))
      thread.send(this.#waiting.splice(0, Math.min(share, BATCH, thread.room)))
    }
  }

  /** An idle thread, else a new one, else one that has not more than a batch to do. */
  #choose(idle: number, startable: number): PoolThread | undefined {
    if (idle > 0) {
      const free = this.#threads.filter((thread) => thread.held === 0 && thread.room > 0)
      return free.find((thread) => thread.isClear) ?? free[0]
    }
    if (startable > 0) return this.#start()
    return this.#threads.find((thread) => thread.held < BATCH && thread.room > 0)
  }

  #start(): PoolThread {
    const thread = new PoolThread(this.#options, this)
    this.#threads.push(thread)
    return thread
  }

  /** Gives an idle thread what waits for one that cannot begin yet, or behind another's call. */
  #rebalance(): void {
    for (const thread of this.#threads) if (!thread.isClear) this.#waiting.push(...thread.takeBack(thread.held))
    if (this.#waiting.length > 0) return
    let busiest: PoolThread | undefined
    for (const thread of this.#threads) if (busiest === undefined || thread.held > busiest.held) busiest = thread
    if (busiest === undefined || busiest.held < 2) return
    this.#waiting.push(...busiest.takeBack(Math.ceil(busiest.held / 2)))
  }

  #abort(call: PoolCall): void {
    const thread = call.thread
    if (thread === null) {
      const index = this.#waiting.indexOf(call)
      if (index >= 0) this.#waiting.splice(index, 1)
      return
    }
    if (thread.withdraw(call)) return
    if (!thread.isIn(call)) {
      thread.abandon(call)
      return
    }
    if (call.interruptible) {
      const slot = thread.interrupt(call)
      this.#options.after?.(INTERRUPT_GRACE_MS, () => {
        if (!this.#closed && thread.ignores(slot)) this.#kill(thread)
      })
    } else {
      thread.abandon(call)
      this.#kill(thread)
    }
  }

  #kill(thread: PoolThread): void {
    this.#remove(thread)
    this.#waiting = [...thread.kill(), ...this.#waiting]
    // warm for the next call
    this.#start()
    this.#dispatchSoon()
  }

  #remove(thread: PoolThread): void {
    const index = this.#threads.indexOf(thread)
    if (index >= 0) this.#threads.splice(index, 1)
  }
}

function deliver(
  reply: Exclude<WorkerReply, { readonly kind: 'skipped' }>,
  resolve: (output: Json) => void,
  reject: (error: BlockError) => void,
): void {
  if (reply.kind === 'done') resolve(JSON.parse(reply.output) as Json)
  else reject(new BlockError(reply.code, reply.message, { detail: JSON.parse(reply.detail) as Json }))
}

function closedError(): Error {
  return new Error('the worker pool is closed')
}
