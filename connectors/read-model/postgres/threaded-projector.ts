/** The owner's end of the projector's thread. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Environment } from '../../../topology/environment.ts'
import { ReadModelError } from '../../../topology/read-model/port.ts'
import type { Projector } from './projector.ts'
import type { FromThread, ThreadSetup, ToThread } from './thread-protocol.ts'

export interface ThreadedProjectorOptions {
  readonly setup: ThreadSetup
  readonly environment: Environment
  readonly onPositions: (positions: readonly number[]) => void
  readonly onProblem: (message: string) => void
}

/** At most one message in this time; larger batches cost less for an event. */
const POKE_MS = 20

export function startThreadedProjector(options: ThreadedProjectorOptions): Projector {
  const { setup, environment, onPositions, onProblem } = options
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = new Worker(new URL(`./projector-thread.${extension}`, import.meta.url), { workerData: setup })
  const ready = Promise.withResolvers<void>()
  ready.promise.catch(() => undefined)
  const send = (message: ToThread): void => worker.postMessage(message)
  let ended = false
  const exit = once(worker, 'exit').catch(() => undefined)
  void exit.then(() => {
    ended = true
  })
  worker.on('message', (message: FromThread) => {
    if (message.kind === 'positions') onPositions(message.positions)
    else if (message.kind === 'problem') onProblem(message.message)
    else if (message.kind === 'ready') ready.resolve()
    else ready.reject(new ReadModelError(message.code, message.message))
  })
  worker.on('error', (error: Error) => {
    onProblem(`the projection has stopped: ${error.message}`)
    ready.reject(
      new ReadModelError('READ_MODEL_FAILED', `the projection has stopped: ${error.message}`, { cause: error }),
    )
  })
  let cancelPoke: (() => void) | null = null
  return {
    ready: ready.promise,
    poke() {
      cancelPoke ??= environment.after(POKE_MS, () => {
        cancelPoke = null
        send('poke')
      })
    },
    wake: () => send('wake'),
    async close() {
      cancelPoke?.()
      if (!ended) send('close')
      await exit
    },
  }
}
