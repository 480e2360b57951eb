/** One thread of a worker pool, seen from the pool. */
import { Worker } from 'node:worker_threads'
import {
  CLAIMED,
  CURRENT,
  INTERRUPT,
  PENDING,
  SLOTS,
  WITHDRAWN,
  WORDS,
  type WorkerCall,
  type WorkerReply,
} from './protocol.ts'

export interface PoolCall {
  readonly payload: string
  readonly settle: (reply: Exclude<WorkerReply, { readonly kind: 'skipped' }>) => void
  readonly fail: (error: unknown) => void
  /** It ends by itself soon after it was interrupted. */
  readonly interruptible: boolean
  /** Where it is now; `null` while it waits in the pool. */
  thread: PoolThread | null
  slot: number
}

export interface ThreadListener {
  answered(thread: PoolThread): void
  /** It ended without having been asked to. `calls` are those it held, `failed` those of them that it may have ended because of. */
  ended(thread: PoolThread, calls: readonly PoolCall[], failed: readonly PoolCall[], error: Error): void
}

export interface ThreadOptions {
  readonly file: URL
  readonly heapMb: number
  /** Of the machine's stack; default 4. */
  readonly stackMb?: number
}

export class PoolThread {
  readonly #worker: Worker
  readonly #claims: Int32Array
  /** By slot; a slot whose call was withdrawn stays taken until the thread has passed it. */
  readonly #calls: (PoolCall | undefined)[] = new Array(SLOTS)
  readonly #free: number[] = Array.from({ length: SLOTS }, (_, slot) => slot)
  /** Slots of calls that were told to end and have not answered yet. */
  readonly #interrupted = new Set<number>()
  #held = 0
  #ready = false
  #gone = false

  constructor({ file, heapMb, stackMb = 4 }: ThreadOptions, listener: ThreadListener) {
    const claims = new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)
    this.#claims = new Int32Array(claims)
    const resourceLimits = { maxOldGenerationSizeMb: heapMb, stackSizeMb: stackMb }
    this.#worker = new Worker(file, { workerData: { claims }, resourceLimits })
    this.#worker.unref()
    this.#worker.on('message', (replies: readonly WorkerReply[]) => {
      this.#ready = true
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

  /** It can begin with what it is sent: its program runs, and in no call that nobody waits for. */
  get isClear(): boolean {
    return this.#ready && this.#interrupted.size === 0
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

  /** Asks the call to end. Its answer is not wanted any more. */
  interrupt(call: PoolCall): number {
    const { slot } = call
    Atomics.store(this.#claims, INTERRUPT, slot + 1)
    this.#interrupted.add(slot)
    this.#forget(call)
    return slot
  }

  /** Whether it has not answered yet to the call that was interrupted in this slot. */
  ignores(slot: number): boolean {
    return !this.#gone && this.#interrupted.has(slot)
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
    if (this.#interrupted.delete(reply.slot)) Atomics.compareExchange(this.#claims, INTERRUPT, reply.slot + 1, 0)
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
    const culprit = this.#calls[current]
    const calls = this.kill()
    // a thread that died between calls would do so again with any of them
    const failed = current < 0 ? calls : culprit === undefined ? [] : [culprit]
    listener.ended(this, calls, failed, error)
  }
}
