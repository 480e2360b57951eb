/**
 * Calls to processes of our own that can be killed even inside native code that never returns. A process runs one call at a time; a call
 * whose signal is aborted ends at once, its process is killed and another one takes its place at the next call.
 */
import { type ChildProcess, fork } from 'node:child_process'
import type { Json } from '../../../../schemas/json.ts'
import { BlockError } from '../../block.ts'
import type { WorkerReply } from './protocol.ts'
import type { CallOptions } from './worker-pool.ts'

export interface ProcessPoolOptions {
  /** The program; it calls `serveProcess`. */
  readonly file: URL
  /** Processes at most, from 1. */
  readonly size: number
  readonly heapMb: number
  /** Error code of a call that a process died in. */
  readonly endedCode: string
}

interface Call {
  readonly payload: Json
  readonly settle: (reply: WorkerReply) => void
  readonly fail: (error: unknown) => void
}

export class ProcessPool {
  readonly #options: ProcessPoolOptions
  readonly #idle: ChildProcess[] = []
  readonly #busy = new Map<ChildProcess, Call>()
  #waiting: Call[] = []
  #closed = false

  constructor(options: ProcessPoolOptions) {
    this.#options = options
  }

  get processes(): number {
    return this.#idle.length + this.#busy.size
  }

  /** Rejects with the signal's reason if that is aborted, else with the {@link BlockError} of the call. */
  call(payload: Json, signal: AbortSignal, options: Pick<CallOptions, 'log'> = {}): Promise<Json> {
    return new Promise((resolve, reject) => {
      if (signal.aborted || this.#closed) {
        reject(signal.aborted ? signal.reason : closedError())
        return
      }
      const onAbort = (): void => {
        this.#abort(call)
        reject(signal.reason)
      }
      const call: Call = {
        payload,
        settle: (reply) => {
          signal.removeEventListener('abort', onAbort)
          if (reply.kind !== 'skipped' && options.log !== undefined)
            for (const line of reply.log ?? []) options.log(line)
          deliver(reply, resolve, reject)
        },
        fail: (error) => {
          signal.removeEventListener('abort', onAbort)
          reject(error)
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(call)
      this.#dispatch()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    const running = [...this.#idle, ...this.#busy.keys()]
    const calls = [...this.#busy.values(), ...this.#waiting]
    this.#busy.clear()
    this.#waiting = []
    for (const call of calls) call.fail(closedError())
    await Promise.all(running.map(ended))
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && !this.#closed) {
      const child = this.#idle.pop() ?? (this.processes < this.#options.size ? this.#start() : null)
      if (child === null) return
      const call = this.#waiting.shift()!
      this.#busy.set(child, call)
      hold(child, true)
      child.send(call.payload as object)
    }
  }

  #start(): ChildProcess {
    const { file, heapMb } = this.#options
    const child = fork(file, {
      execArgv: [`--max-old-space-size=${heapMb}`],
      // secrets of ours are none of its business
      env: { NODE_NO_WARNINGS: '1' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    child.on('message', (reply: WorkerReply) => {
      const call = this.#busy.get(child)
      if (call === undefined) return
      this.#busy.delete(child)
      this.#idle.push(child)
      hold(child, false)
      call.settle(reply)
      this.#dispatch()
    })
    child.on('error', (error) => this.#lost(child, error.message))
    child.on('exit', (code, signal) => this.#lost(child, `exit code ${code ?? signal}`))
    return child
  }

  #lost(child: ChildProcess, why: string): void {
    const call = this.#busy.get(child)
    this.#busy.delete(child)
    const index = this.#idle.indexOf(child)
    if (index >= 0) this.#idle.splice(index, 1)
    call?.fail(new BlockError(this.#options.endedCode, `the worker process ended: ${why}`))
    this.#dispatch()
  }

  #abort(call: Call): void {
    const index = this.#waiting.indexOf(call)
    if (index >= 0) {
      this.#waiting.splice(index, 1)
      return
    }
    for (const [child, running] of this.#busy) {
      if (running !== call) continue
      this.#busy.delete(child)
      child.kill('SIGKILL')
      this.#dispatch()
      return
    }
  }
}

/** An idle process does not keep ours alive. */
function hold(child: ChildProcess, on: boolean): void {
  if (on) {
    child.ref()
    child.channel?.ref()
  } else {
    child.unref()
    child.channel?.unref()
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    else {
      child.ref()
      child.once('exit', () => resolve())
      child.kill('SIGKILL')
    }
  })
}

function deliver(reply: WorkerReply, resolve: (output: Json) => void, reject: (error: BlockError) => void): void {
  if (reply.kind === 'done') resolve(JSON.parse(reply.output) as Json)
  else if (reply.kind === 'failed') {
    reject(new BlockError(reply.code, reply.message, { detail: JSON.parse(reply.detail) as Json }))
  }
}

function closedError(): Error {
  return new Error('the process pool is closed')
}
