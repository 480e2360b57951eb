/** Calls between threads over a message port: each one is answered once, in any order. */

import type { MessagePort, Transferable, Worker } from 'node:worker_threads'
import { ChurningMap } from '../../schemas/churning.ts'
import { LogError } from '../../topology/log/port.ts'
import type { ThreadError } from './protocol.ts'

// biome-ignore lint/suspicious/noExplicitAny: any function can be a call
type Calls<C> = { readonly [K in keyof C]: (...args: any[]) => unknown }
type Answer<F> = F extends (...args: never[]) => infer R ? Promise<Awaited<R>> : never
type Arguments<F> = F extends (...args: infer A) => unknown ? A : never

interface CallMessage {
  readonly id: number
  readonly name: string
  readonly args: readonly unknown[]
}
interface AnswerMessage {
  readonly id: number
  readonly value?: unknown
  readonly error?: ThreadError
}
type Port = Pick<MessagePort, 'postMessage'> | Pick<Worker, 'postMessage'>

function onMessage<M>(port: Port, listener: (message: M) => void): void {
  ;(port as MessagePort).on('message', listener)
}

/** An answer with memory that moves to who asked. */
export class Moved<T> {
  readonly value: T
  readonly transfer: readonly Transferable[]

  constructor(value: T, transfer: readonly Transferable[]) {
    this.value = value
    this.transfer = transfer
  }
}

export interface Caller<C extends Calls<C>> {
  call<K extends keyof C & string>(name: K, args: Arguments<C[K]>, transfer?: readonly Transferable[]): Answer<C[K]>
  /** Fails all calls under way, and every later one. */
  fail(error: LogError): void
}

export function caller<C extends Calls<C>>(port: Port): Caller<C> {
  const waiting = new ChurningMap<number, { resolve(value: unknown): void; reject(error: LogError): void }>()
  let nextId = 0
  let failure: LogError | null = null
  onMessage(port, ({ id, value, error }: AnswerMessage) => {
    const settle = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) settle?.resolve(value)
    else settle?.reject(new LogError(error.code, error.message, { retriable: error.code === 'LOG_FULL' }))
  })
  return {
    call: (name, args, transfer) =>
      new Promise((resolve, reject) => {
        if (failure !== null) return reject(failure)
        const id = nextId++
        waiting.set(id, { resolve, reject })
        port.postMessage({ id, name, args } satisfies CallMessage, [...(transfer ?? [])])
      }) as never,
    fail(error) {
      failure = error
      for (const { reject } of waiting.values()) reject(error)
      waiting.clear()
    },
  }
}

/** Answers calls on a port. `errorOf` says what an exception means to the caller. */
export function answer<C extends Calls<C>>(
  port: Port,
  calls: {
    readonly [K in keyof C]: (
      ...args: Arguments<C[K]>
    ) => ReturnType<C[K]> | Moved<ReturnType<C[K]>> | Promise<ReturnType<C[K]>>
  },
  errorOf: (error: unknown) => ThreadError,
): void {
  onMessage(port, ({ id, name, args }: CallMessage) => {
    const reply = (message: AnswerMessage) => port.postMessage(message)
    try {
      const value = calls[name as keyof C](...(args as Arguments<C[keyof C]>))
      if (value instanceof Moved) return port.postMessage({ id, value: value.value }, [...value.transfer])
      if (!(value instanceof Promise)) return reply({ id, value })
      value.then(
        (settled) => reply({ id, value: settled }),
        (error: unknown) => reply({ id, error: errorOf(error) }),
      )
    } catch (error) {
      reply({ id, error: errorOf(error) })
    }
  })
}
