/** The threads of one custom block: started when there is more to do, killed with a call that does not end, bounded. */
import type { Json } from '../../../../schemas/json.ts'
import { BlockError } from '../../block.ts'
import type { BlockTools } from '../tools.ts'
import { type CustomCall, CustomThread, type CustomThreadListener } from './custom-thread.ts'

export interface CustomPoolOptions {
  readonly file: string
  /** At most, from 1. */
  readonly threads: number
  readonly heapMb: number
  readonly tools: BlockTools
}

/** How long a call may go on after its signal was aborted. */
const ABORT_GRACE_MS = 50

export class CustomPool implements CustomThreadListener {
  readonly #options: CustomPoolOptions
  readonly #threads: CustomThread[] = []
  readonly #waiting: CustomCall[] = []
  #concurrency = 1
  #closed = false
  #onDeclared: (declaration: Json) => void = () => undefined
  #onUnusable: (reason: string) => void = () => undefined

  constructor(options: CustomPoolOptions) {
    this.#options = options
  }

  get threads(): number {
    return this.#threads.length
  }

  set concurrency(calls: number) {
    this.#concurrency = calls
  }

  /** Starts the first thread; resolves with what the module declares. */
  open(): Promise<Json> {
    return new Promise((resolve, reject) => {
      this.#onDeclared = resolve
      this.#onUnusable = (reason) => reject(new TypeError(reason))
      this.#start()
    })
  }

  call(context: CustomCall['context'], input: Json): Promise<Json> {
    const { signal } = context
    return new Promise((resolve, reject) => {
      if (signal.aborted || this.#closed) {
        reject(signal.aborted ? signal.reason : new Error('the block is closed'))
        return
      }
      let abort = (): void => this.#forget(call)
      const onAbort = (): void => {
        abort()
        reject(signal.reason)
      }
      const call: Waiting = {
        context,
        input,
        resolve: (output) => {
          signal.removeEventListener('abort', onAbort)
          resolve(output)
        },
        reject: (error) => {
          signal.removeEventListener('abort', onAbort)
          reject(error)
        },
        begun: (thread, id) => {
          abort = () => this.#abort(thread, id, String((signal.reason as Error)?.message ?? signal.reason))
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(call)
      this.#dispatch()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const call of this.#waiting.splice(0)) call.reject(new Error('the block is closed'))
    await Promise.all(this.#threads.splice(0).map((thread) => thread.kill('the block is closed')))
  }

  declared(declaration: Json): void {
    this.#onDeclared(declaration)
  }

  settled(): void {
    this.#dispatch()
  }

  ended(thread: CustomThread, reason: string): void {
    this.#remove(thread)
    this.#onUnusable(reason)
    // a module that cannot be loaded again would be tried without end
    if (this.#threads.length === 0) {
      const error = (): BlockError => new BlockError('WORKER_ENDED', `the thread of the block ended: ${reason}`)
      for (const call of this.#waiting.splice(0)) call.reject(error())
    } else this.#dispatch()
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && !this.#closed) {
      const thread = this.#free()
      if (thread === null) return
      const call = this.#waiting.shift() as Waiting
      call.begun(thread, thread.call(call))
    }
  }

  #free(): CustomThread | null {
    let best: CustomThread | null = null
    for (const thread of this.#threads) if (best === null || thread.load < best.load) best = thread
    if (best !== null && best.load === 0) return best
    if (this.#threads.length < this.#options.threads) return this.#start()
    return best !== null && best.load < this.#concurrency ? best : null
  }

  #start(): CustomThread {
    const thread = new CustomThread(this.#options.file, this.#options.heapMb, this)
    this.#threads.push(thread)
    return thread
  }

  #abort(thread: CustomThread, id: number, reason: string): void {
    thread.abort(id, reason)
    this.#options.tools.after(ABORT_GRACE_MS, () => {
      if (this.#closed || !thread.ignores(id)) return
      this.#remove(thread)
      void thread.kill('another call of it did not end when it was told to')
      this.#dispatch()
    })
  }

  #forget(call: CustomCall): void {
    const index = this.#waiting.indexOf(call)
    if (index >= 0) this.#waiting.splice(index, 1)
  }

  #remove(thread: CustomThread): void {
    const index = this.#threads.indexOf(thread)
    if (index >= 0) this.#threads.splice(index, 1)
  }
}

interface Waiting extends CustomCall {
  readonly begun: (thread: CustomThread, id: number) => void
}
