/** One thread of a custom block, seen from outside. */
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Json } from '../../../../schemas/json.ts'
import { type BlockContext, BlockError } from '../../block.ts'
import { workerFile } from '../workers/worker-file.ts'
import { answerOf } from './answer-blobs.ts'
import type { BlobQuestion, CustomSetup, FromThread, ToThread } from './protocol.ts'

export interface CustomCall {
  readonly context: BlockContext
  readonly input: Json
  readonly resolve: (output: Json) => void
  readonly reject: (error: unknown) => void
}

export interface CustomThreadListener {
  declared(declaration: Json): void
  /** The module cannot be loaded, or the thread ended. Its calls have failed. */
  ended(thread: CustomThread, reason: string): void
  /** A call ended. */
  settled(): void
}

export class CustomThread {
  readonly #worker: Worker
  readonly #calls = new Map<number, CustomCall>()
  /** Told to end, and not heard of since. */
  readonly #aborted = new Set<number>()
  #nextId = 1
  #gone = false

  constructor(file: string, heapMb: number, listener: CustomThreadListener) {
    const setup: CustomSetup = { file }
    this.#worker = new Worker(fileURLToPath(workerFile('custom-worker', import.meta.url)), {
      workerData: setup,
      // secrets of ours are none of its business
      env: { NODE_NO_WARNINGS: '1' },
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    })
    this.#worker.on('message', (message: FromThread) => this.#heard(message, listener))
    const end = (reason: string): void => {
      if (this.#gone) return
      this.#fail(reason)
      listener.ended(this, reason)
    }
    this.#worker.on('error', (error: Error) => end(error.message))
    this.#worker.on('exit', (code) => end(`it ended with code ${code}`))
  }

  get load(): number {
    return this.#calls.size + this.#aborted.size
  }

  call(call: CustomCall): number {
    const { context, input } = call
    const { tenant, runId, stepId, attempt, key, traceparent, assignedAtMs = null } = context
    const id = this.#nextId++
    this.#calls.set(id, call)
    this.#hold()
    this.#say({ kind: 'call', id, input, context: { tenant, runId, stepId, attempt, key, traceparent, assignedAtMs } })
    return id
  }

  /** Its answer is not wanted any more. */
  abort(id: number, reason: string): void {
    if (!this.#calls.delete(id)) return
    this.#aborted.add(id)
    this.#say({ kind: 'abort', id, reason })
  }

  ignores(id: number): boolean {
    return !this.#gone && this.#aborted.has(id)
  }

  /** Its calls fail. */
  async kill(reason: string): Promise<void> {
    this.#fail(reason)
    await this.#worker.terminate()
  }

  #say(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  #heard(message: FromThread, listener: CustomThreadListener): void {
    if (this.#gone) return
    if (message.kind === 'declared') {
      this.#hold()
      listener.declared(message.declaration)
    } else if (message.kind === 'unusable') {
      void this.kill(message.reason)
      listener.ended(this, message.reason)
    } else if (message.kind === 'log') this.#calls.get(message.id)?.context.log?.(message.line)
    else if (message.kind === 'progress') this.#calls.get(message.id)?.context.progress?.(message.value)
    else if (message.kind === 'ask') void this.#answer(message)
    else this.#settle(message, listener)
  }

  async #answer(question: BlobQuestion): Promise<void> {
    const call = this.#calls.get(question.id)
    if (call === undefined) return
    const answer = await answerOf(call.context, question)
    const given = answer.outcome.kind === 'got' ? [answer.outcome.bytes.buffer] : []
    if (this.#calls.has(question.id)) this.#worker.postMessage(answer, given)
  }

  #settle(message: FromThread & { readonly kind: 'done' | 'failed' }, listener: CustomThreadListener): void {
    const { id } = message
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    this.#aborted.delete(id)
    this.#hold()
    if (message.kind === 'done') call?.resolve(JSON.parse(message.output) as Json)
    else call?.reject(errorOf(message))
    listener.settled()
  }

  #fail(reason: string): void {
    this.#gone = true
    const calls = [...this.#calls.values()]
    this.#calls.clear()
    for (const { reject } of calls) reject(new BlockError('WORKER_ENDED', `the thread of the block ended: ${reason}`))
  }

  /** An idle thread does not keep the process alive. */
  #hold(): void {
    if (this.load > 0) this.#worker.ref()
    else this.#worker.unref()
  }
}

function errorOf({ code, message, detail }: FromThread & { readonly kind: 'failed' }): Error {
  return code === null ? new Error(message) : new BlockError(code, message, { detail })
}
