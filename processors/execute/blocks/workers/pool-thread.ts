/** One thread of a worker pool, seen from the pool. */
import { Worker } from 'node:worker_threads'
import { CLAIMED, CURRENT, PENDING, SLOTS, WITHDRAWN, type WorkerCall, type WorkerReply } from './protocol.ts'

export interface PoolCall {
  readonly payload: string
  readonly settle: (reply: Exclude<WorkerReply, { readonly kind: 'skipped' }>) => void
  readonly fail: (error: unknown) => void
  /** Where it is now; `null` while it waits in the pool. */
  thread: PoolThread | null
  slot: number
}

export interface ThreadListener {
  answered(thread: PoolThread): void
  /** It ended without having been asked to. `calls` are those it held; `culprit` is the one it was in. */
  ended(thread: PoolThread, calls: readonly PoolCall[], culprit: PoolCall | undefined, error: Error): void
}

export class PoolThread {
  readonly #worker: Worker
  readonly #claims: Int32Array
  /** By slot; a slot whose call was withdrawn stays taken until the thread has passed it. */
  readonly #calls: (PoolCall | undefined)[] = new Array(SLOTS)
  readonly #free: number[] = Array.from({ length: SLOTS }, (_, slot) => slot)
  #held = 0
  #gone = false

  constructor(file: URL, heapMb: number, listener: ThreadListener) {
    const claims = new SharedArrayBuffer((SLOTS + 1) * Int32Array.BYTES_PER_ELEMENT)
    this.#claims = new Int32Array(claims)
    this.#worker = new Worker(file, { workerData: { claims }, resourceLimits: { maxOldGenerationSizeMb: heapMb } })
    this.#worker.unref()
    this.#worker.on('message', (replies: readonly WorkerReply[]) => {
      for (const reply of replies) this.#settle(reply)
      if (!this.#gone) listener.answered(this)
    })
    this.#worker.on('error', (error: Error) => this.#end(listener, error))
    this.#worker.on('exit', (code) => this.#end(listener, new Error(`the worker thread ended with code ${code}`)))
  }

  /** Calls it holds and that are still wanted. */
  get held(): number {
    return this.#held
  }

  get room(): number {
    return this.#free.length
  }

  send(calls: readonly PoolCall[]): void {
    const batch: WorkerCall[] = []
    for (const call of calls) {
      const slot = this.#free.pop()!
      Atomics.store(this.#claims, slot, PENDING)
      this.#calls[slot] = call
      call.thread = this
      call.slot = slot
      batch.push({ slot, payload: call.payload })
    }
    if (this.#held === 0) this.#worker.ref()
    this.#held += calls.length
    this.#worker.postMessage(batch)
  }

  /** Takes a call back that has not begun. */
  withdraw(call: PoolCall): boolean {
    if (Atomics.compareExchange(this.#claims, call.slot, PENDING, WITHDRAWN) !== PENDING) return false
    this.#forget(call)
    return true
  }

  /** Takes up to `max` calls back that have not begun, the last ones sent first. */
  takeBack(max: number): PoolCall[] {
    const taken: PoolCall[] = []
    const held = this.#calls.filter((call) => call !== undefined)
    while (taken.length < max && held.length > 0) {
      const call = held.pop()!
      if (this.withdraw(call)) taken.push(call)
    }
    return taken
  }

  /** Whether the thread is in this call, as opposed to having done it with the answer on its way. */
  isIn(call: PoolCall): boolean {
    return Atomics.load(this.#claims, CURRENT) === call.slot + 1 && Atomics.load(this.#claims, call.slot) === CLAIMED
  }

  /** The answer to the call is not wanted any more. */
  #forget(call: PoolCall): void {
    this.#calls[call.slot] = undefined
    call.thread = null
    this.#release()
  }

  abandon(call: PoolCall): void {
    this.#forget(call)
  }

  /** Kills the thread; answers with the calls it held. */
  kill(): readonly PoolCall[] {
    this.#gone = true
    const calls = this.#calls.filter((call) => call !== undefined)
    for (const call of calls) call.thread = null
    this.#calls.fill(undefined)
    void this.#worker.terminate()
    return calls
  }

  /** Resolves once the thread is gone. */
  async close(): Promise<void> {
    this.#gone = true
    await this.#worker.terminate()
  }

  #settle(reply: WorkerReply): void {
    const call = this.#calls[reply.slot]
    this.#calls[reply.slot] = undefined
    this.#free.push(reply.slot)
    if (call === undefined || reply.kind === 'skipped') return
    call.thread = null
    this.#release()
    call.settle(reply)
  }

  #release(): void {
    this.#held--
    if (this.#held === 0) this.#worker.unref()
  }

  #end(listener: ThreadListener, error: Error): void {
    if (this.#gone) return
    const current = Atomics.load(this.#claims, CURRENT) - 1
    const culprit = current >= 0 ? this.#calls[current] : undefined
    listener.ended(this, this.kill(), culprit, error)
  }
}
