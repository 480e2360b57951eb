/** The owner's end of the read model's thread: calls, and what it reports about its progress. */
import { Worker } from 'node:worker_threads'
import { ReadModelError } from '../../../topology/read-model/port.ts'
import type { Call, CallName, Calls, FromWorker, ToWorker, WorkerSetup } from './protocol.ts'

interface PendingCall {
  readonly resolve: (result: never) => void
  readonly reject: (error: Error) => void
}

export type Progress = Extract<FromWorker, { readonly kind: 'progress' | 'ready' }>

/** Owns the thread. Once it has ended, every call rejects. */
export class ReadModelCalls {
  readonly #worker: Worker
  readonly #pending = new Map<number, PendingCall>()
  readonly #ended: Promise<void>
  #nextId = 1
  #broken: ReadModelError | null = null

  constructor(setup: WorkerSetup, onProgress: (progress: Progress) => void, onBroken: (error: Error) => void) {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    this.#worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), { workerData: setup })
    this.#worker.on('message', (message: FromWorker) => {
      if (message.kind === 'answer') this.#settle(message)
      else onProgress(message)
    })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ended = promise
    this.#worker.on('error', (cause: Error) => {
      this.#break(new ReadModelError('READ_MODEL_FAILED', `the read model has stopped: ${cause.message}`, { cause }))
      onBroken(cause)
    })
    this.#worker.on('exit', () => {
      this.#break(new ReadModelError('READ_MODEL_CLOSED', 'the read model is closed'))
      resolve()
    })
  }

  /** The id is that of the call, for `giveUp`. */
  call<N extends CallName>(
    name: N,
    params: Calls[N]['params'],
    onId?: (id: number) => void,
  ): Promise<Calls[N]['result']> {
    if (this.#broken !== null) return Promise.reject(this.#broken)
    const id = this.#nextId++
    onId?.(id)
    const { promise, resolve, reject } = Promise.withResolvers<Calls[N]['result']>()
    this.#pending.set(id, { resolve, reject })
    const message: Call<N> = { kind: 'call', id, name, params }
    this.#worker.postMessage(message)
    return promise
  }

  post(message: Extract<ToWorker, { readonly kind: 'poke' | 'giveUp' }>): void {
    if (this.#broken === null) this.#worker.postMessage(message)
  }

  async close(): Promise<void> {
    if (this.#broken === null) this.#worker.postMessage({ kind: 'close' })
    await this.#ended
  }

  #settle(message: Extract<FromWorker, { readonly kind: 'answer' }>): void {
    const pending = this.#pending.get(message.id)
    this.#pending.delete(message.id)
    if (message.error === null) pending?.resolve(message.result as never)
    else pending?.reject(new ReadModelError(message.error.code, message.error.message))
  }

  #break(error: ReadModelError): void {
    this.#broken ??= error
    for (const { reject } of this.#pending.values()) reject(this.#broken)
    this.#pending.clear()
  }
}
