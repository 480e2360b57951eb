import { realEnvironment } from '../../../connectors/environment.ts'
import { openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage } from '../../../connectors/log-memory/storage.ts'
import type { Environment } from '../../../topology/environment.ts'
import type { OutRecord, TaskLog } from '../../../topology/log/port.ts'
import { type SchemaRegistry, SchemaRegistryError } from '../../../topology/schema-registry/port.ts'
import { withSchemaRegistry } from '../../../topology/schema-registry/translating-log.ts'

/** A producer's own, smaller version of our schema. */
export const SMALL_SUBMIT_RUN = JSON.stringify({
  type: 'record',
  name: 'SubmitRun',
  namespace: 'beamline',
  fields: [
    { name: 'flow', type: 'string' },
    { name: 'input', type: 'string' },
    { name: 'channel', type: ['null', 'string', { type: 'array', items: 'string' }], default: null },
  ],
})

/** A registry whose answers the test gives. */
export interface AskedRegistry extends SchemaRegistry {
  readonly asked: number[]
  answer(id: number, schema: string | null | Error): void
}

export function askedRegistry(wireIds: SchemaRegistry['wireIds'] = 'fixed'): AskedRegistry {
  const waiting = new Map<number, PromiseWithResolvers<string | null>>()
  const asked: number[] = []
  return {
    wireIds,
    asked,
    start: () => Promise.resolve(),
    schema(id) {
      asked.push(id)
      const answer = Promise.withResolvers<string | null>()
      waiting.set(id, answer)
      return answer.promise
    },
    answer(id, schema) {
      const answer = waiting.get(id)
      if (answer === undefined) throw new Error(`nobody asked for schema ${id}; asked were ${asked.join(', ')}`)
      waiting.delete(id)
      if (schema instanceof Error) answer.reject(schema)
      else answer.resolve(schema)
    },
    health: () => ({ ready: true, reason: null }),
    close: async () => {},
  }
}

export const unreachable = new SchemaRegistryError('UNREACHABLE', 'the registry is down')

/** Real, but for the clock and timers, which the test moves. */
export function manualEnvironment(): Environment & { advance(ms: number): void } {
  let nowMs = 0
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>()
  return {
    ...realEnvironment,
    now: () => nowMs,
    monotonic: () => nowMs,
    after(ms, callback) {
      const timer = { atMs: nowMs + ms, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    advance(ms) {
      nowMs += ms
      for (const timer of timers) {
        if (timer.atMs > nowMs) continue
        timers.delete(timer)
        timer.callback()
      }
    },
  }
}

export function raw(value: Uint8Array, headers: OutRecord['headers'] = null): OutRecord {
  return { topic: 'ingest', partition: 0, key: null, value, headers, handled: false, message: null }
}

/** A value of the wire form. */
export function wire(id: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(id, 1)
  return Buffer.concat([header, payload])
}

/** A memory log as it is, the same behind the registry, and task 0 of the latter. */
export async function openTranslating(registry: SchemaRegistry, environment: Environment) {
  const inner = openMemoryLog(createMemoryStorage(1), realEnvironment)
  const log = withSchemaRegistry(inner, registry, environment)
  const task = await log.openTask(0)
  let wakes = 0
  task.onRecords(() => wakes++)
  return { inner, log, task, wakes: () => wakes }
}

/** Lets everything run that needs no timer of the manual environment. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => realEnvironment.soon(resolve))
}

export async function poll(task: TaskLog, max = 100) {
  await task.caughtUp('control')
  return task.poll('ingest', max)
}
