/** One user's connection to in-memory storage: its environment, its faults, and the ways to and from the log. */
import type { Environment } from '../../topology/environment.ts'
import { LogError } from '../../topology/log/port.ts'
import type { LogVerb, MemoryFaults } from './faults.ts'
import type { MemoryProcess } from './process.ts'
import type { MemoryStorage } from './storage.ts'

export interface MemoryClient {
  readonly storage: MemoryStorage
  readonly environment: Environment
  readonly faults: MemoryFaults
  closed: boolean
  /** The process of eager storage that the user is part of; `null`: none, or it is outside. */
  readonly process: MemoryProcess | null
  readonly gap: () => number
  /** The log's clock. */
  serverNow(): number
  /** Runs on the log's side after one leg; goes on if the user has crashed. */
  atServer(verb: LogVerb, action: () => void): void
  /** Runs on the user's side after one leg. */
  back(verb: LogVerb, action: () => void): void
  notify(action: () => void): void
  /** One leg, awaited on the user's side. */
  leg(verb: LogVerb): Promise<void>
  /** A request and its answer: `action` runs on the log's side; what it throws is the answer too. */
  ask<T>(verb: LogVerb, action: () => T): Promise<T>
}

export function createClient(storage: MemoryStorage, environment: Environment, faults: MemoryFaults): MemoryClient {
  const server = storage.options.environment ?? environment
  const latency = (verb: LogVerb) => faults.latencyMs?.(verb) ?? 0
  const schedule = (where: Environment, verb: LogVerb, action: () => void) => {
    const ms = latency(verb)
    if (ms > 0) where.after(ms, action)
    else where.soon(action)
  }
  const client: MemoryClient = {
    storage,
    environment,
    faults,
    closed: false,
    process: storage.process?.environment === environment ? storage.process : null,
    gap: () => faults.gap?.() ?? 0,
    serverNow: () => server.now(),
    atServer: (verb, action) => schedule(server, verb, action),
    back: (verb, action) => schedule(environment, verb, action),
    notify: (action) => schedule(environment, 'notify', () => (client.closed ? undefined : action())),
    leg: (verb) => new Promise((resolve) => schedule(environment, verb, resolve)),
    ask: (verb, action) =>
      new Promise((resolve, reject) => {
        if (client.closed) return reject(new LogError('LOG_CLOSED', 'the log is closed'))
        schedule(server, verb, () => {
          const answer = attempt(action)
          schedule(environment, verb, () => (answer.ok ? resolve(answer.value) : reject(answer.error)))
        })
      }),
  }
  return client
}

type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown }

function attempt<T>(action: () => T): Answer<T> {
  try {
    return { ok: true, value: action() }
  } catch (error) {
    return { ok: false, error }
  }
}
