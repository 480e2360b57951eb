/** Random histories of executors that come, go and crash on one in-memory log with faults. */

import { expect, test } from 'vitest'
import { openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage, type MemoryStorage, partitionLog } from '../../../connectors/log-memory/storage.ts'
import { attemptKey } from '../../../processors/execute/attempt-key.ts'
import { failBlock } from '../../../processors/execute/blocks/io/fail.ts'
import { sleepBlock } from '../../../processors/execute/blocks/io/sleep.ts'
import { decodeRecord, encodeRecord } from '../../../schemas/codec/wire.ts'
import type { AttemptFinished } from '../../../schemas/records/result.ts'
import { type ExecutorHandle, startExecutor } from '../../../topology/executor/executor.ts'
import type { Log } from '../../../topology/log/port.ts'
import { fc } from '../../support/fast-check.ts'
import { block, step, VirtualEnvironment } from './support.ts'

const PARTITIONS = 3

type Command =
  | { readonly kind: 'submit'; readonly partition: number; readonly ms: number; readonly count: number }
  | { readonly kind: 'join' | 'drain' | 'crash' }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'faults'; readonly what: 'none' | 'lost' | 'applied_unknown' | 'log_full' | 'duplicate' }

const commands = (withTrouble: boolean) =>
  fc.array(
    fc.oneof<fc.Arbitrary<Command>[]>(
      fc.record({
        kind: fc.constant('submit' as const),
        partition: fc.nat(PARTITIONS - 1),
        ms: fc.constantFrom(0, 5, 400),
        count: fc.integer({ min: 1, max: 30 }),
      }),
      fc.record({
        kind: fc.constantFrom('join' as const, 'drain' as const, ...(withTrouble ? ['crash' as const] : [])),
      }),
      fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(0, 1, 20, 500) }),
      ...(withTrouble
        ? [
            fc.record({
              kind: fc.constant('faults' as const),
              what: fc.constantFrom('none', 'lost', 'applied_unknown', 'log_full', 'duplicate') as fc.Arbitrary<'none'>,
            }),
          ]
        : []),
    ),
    { minLength: 5, maxLength: 25 },
  )

class World {
  readonly environment = new VirtualEnvironment()
  readonly storage: MemoryStorage = createMemoryStorage(PARTITIONS, { environment: this.environment })
  readonly submitted = new Set<string>()
  /** Attempts that one executor ran twice at the same time. */
  readonly doubled: string[] = []
  fault: 'none' | 'lost' | 'applied_unknown' | 'log_full' | 'duplicate' = 'none'
  readonly #members: { readonly executor: ExecutorHandle; readonly log: Log & { evict(): void } }[] = []
  readonly #client = openMemoryLog(this.storage, this.environment)
  #names = 0

  async run(command: Command): Promise<void> {
    switch (command.kind) {
      case 'submit':
        for (let i = 0; i < command.count; i++) await this.#submit(command.partition, command.ms)
        return
      case 'join':
        return this.join()
      case 'drain': {
        const drained = this.#members.shift()?.executor.drain()
        if (drained !== undefined) await Promise.all([drained, this.environment.advance(60_000)])
        return
      }
      case 'crash': {
        const member = this.#members.shift()
        member?.executor.kill()
        member?.log.evict()
        return
      }
      case 'advance':
        return this.environment.advance(command.ms)
      case 'faults':
        this.fault = command.what
        return
      default:
        throw new TypeError(`unknown command ${JSON.stringify(command satisfies never)}`)
    }
  }

  async join(): Promise<void> {
    const faults = { report: () => this.fault, append: () => this.fault, gap: () => (this.fault === 'none' ? 0 : 2) }
    const log = openMemoryLog(this.storage, this.environment, faults)
    const running = new Set<string>()
    const once = block('once', async (context) => {
      if (running.has(context.key)) this.doubled.push(context.key)
      running.add(context.key)
      try {
        return await sleepBlock(this.environment).run(context, { ms: 5 })
      } finally {
        running.delete(context.key)
      }
    })
    const started = startExecutor({
      log,
      environment: this.environment,
      pool: 'io',
      blocks: [sleepBlock(this.environment), failBlock(this.environment), once],
      workerId: `w${this.#names++}`,
      concurrency: 4,
      options: {
        readAhead: 16,
        carry: { minAgeMs: 10, records: 12, ageMs: 300, runs: 4 },
        retry: { attempts: 3, baseMs: 5, maxMs: 50 },
      },
    })
    await this.environment.advance()
    this.#members.push({ executor: await started, log })
  }

  /** Faults end, somebody is there, and time passes. */
  async settle(): Promise<void> {
    this.fault = 'none'
    await this.join()
    await this.environment.advance(120_000)
  }

  get results(): AttemptFinished[] {
    const all = Array.from({ length: PARTITIONS }, (_, p) => partitionLog(this.storage, 'result', p).records).flat()
    return all.map((record) => decodeRecord(record.value)).filter((record) => record.kind === 'AttemptFinished')
  }

  /** Per partition of the pool: offset of the first unfinished record, and of the end. */
  get lag(): [number | undefined, number][] {
    return Array.from({ length: PARTITIONS }, (_, p) => [
      this.storage.progress.get(`execute.io/${p}`)?.next ?? 0,
      partitionLog(this.storage, 'execute.io', p).nextOffset,
    ])
  }

  async #submit(partition: number, ms: number): Promise<void> {
    const message = ms === 5 ? step('once') : step('sleep', { ms })
    this.submitted.add(attemptKey(message))
    const value = encodeRecord(message)
    const record = { topic: 'execute.io', partition, key: null, value, headers: null, handled: false, message } as const
    const appended = this.#client.append([record])
    await this.environment.advance()
    await appended
  }
}

test('without faults every step ends exactly once, however executors come and go', async () => {
  await fc.assert(
    fc.asyncProperty(commands(false), async (list) => {
      const world = new World()
      for (const command of list) await world.run(command)
      await world.settle()
      expect(world.results.map(attemptKey).sort()).toEqual([...world.submitted].sort())
      for (const [next, end] of world.lag) expect(next).toBe(end)
      expect(world.doubled).toEqual([])
    }),
    { numRuns: 60 },
  )
})

test('with crashes and faults every step ends at least once, and nothing is left unfinished', async () => {
  await fc.assert(
    fc.asyncProperty(commands(true), async (list) => {
      const world = new World()
      for (const command of list) await world.run(command)
      await world.settle()
      expect([...new Set(world.results.map(attemptKey))].sort()).toEqual([...world.submitted].sort())
      for (const [next, end] of world.lag) expect(next).toBe(end)
      expect(world.doubled).toEqual([])
    }),
    { numRuns: 120 },
  )
})
