/** Random histories against a plain model: no limit is ever exceeded, none is left unused while something waits, and order is kept. */

import { expect, it } from 'vitest'
import type { TenantId } from '../../../schemas/ids.ts'
import type { StepReady } from '../../../schemas/records/route.ts'
import { fc } from '../../support/fast-check.ts'
import type { Emitted, TaskDriver } from '../../support/outcome.ts'
import { limits, numbers, ready, released, routeTask } from './world.ts'

const TENANTS = ['a', 'b', 'c']
const POOLS = ['io', 'cpu'] as const
const WINDOW = 3

type Command =
  | { kind: 'ready'; tenant: number; pool: number; priority: number }
  | { kind: 'release'; pick: number; withdrawn: boolean }
  | { kind: 'limit'; tenant: number; concurrency: number | null; rate: number | null; burst: number; weight: number }
  | { kind: 'advance'; ms: number }

const tenant = fc.nat(TENANTS.length - 1)
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('ready' as const),
      tenant,
      pool: fc.nat(1),
      priority: fc.nat(9),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('release' as const), pick: fc.nat(1000), withdrawn: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('limit' as const),
      tenant,
      concurrency: fc.option(fc.nat(3)),
      rate: fc.option(fc.constantFrom(0, 0.5, 3, 20)),
      burst: fc.constantFrom(1, 2.5, 4),
      weight: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 3000 }) }) },
)

interface Policy {
  concurrency: number | null
  rate: number | null
  burst: number
}

class Model {
  readonly waiting = new Map<number, StepReady>()
  readonly assigned = new Map<number, StepReady>()
  readonly policies = new Map<string, Policy>()
  readonly buckets = new Map<string, { tokens: number; at: number }>()

  policy(name: string): Policy {
    return this.policies.get(name) ?? { concurrency: null, rate: null, burst: 1 }
  }

  running(name: string): number {
    return [...this.assigned.values()].filter((step) => step.tenant === name).length
  }

  inPool(pool: string): number {
    return [...this.assigned.values()].filter((step) => step.pool === pool).length
  }

  tokens(name: string, now: number): number {
    const { rate, burst } = this.policy(name)
    if (rate === null) return Number.POSITIVE_INFINITY
    const bucket = this.buckets.get(name)
    return bucket === undefined ? burst : Math.min(burst, bucket.tokens + ((now - bucket.at) * rate) / 1000)
  }

  /** Whether nothing stands in the way of another attempt. */
  mayStart(step: StepReady, now: number): boolean {
    const { concurrency, rate } = this.policy(step.tenant)
    const free = (concurrency === null || this.running(step.tenant) < concurrency) && rate !== 0
    return free && this.inPool(step.pool) < WINDOW && this.tokens(step.tenant, now) > 1 - 1e-6
  }

  assign(n: number, now: number): void {
    const step = this.waiting.get(n)!
    expect(this.mayStart(step, now), `step ${n} may start`).toBe(true)
    const rivals = [...this.waiting].filter(([, other]) => other.tenant === step.tenant && other.pool === step.pool)
    const best = rivals.reduce((a, b) => (b[1].priority > a[1].priority ? b : a))
    expect(n, 'highest priority, then first come').toBe(best[0])
    this.waiting.delete(n)
    this.assigned.set(n, step)
    const { rate } = this.policy(step.tenant)
    if (rate !== null) this.buckets.set(step.tenant, { tokens: this.tokens(step.tenant, now) - 1, at: now })
  }

  /** What the bucket holds stays in it. */
  change(name: string, policy: Policy, now: number): void {
    if (this.policy(name).rate !== null) this.buckets.set(name, { tokens: this.tokens(name, now), at: now })
    if (policy.rate === null) this.buckets.delete(name)
    this.policies.set(name, policy)
  }
}

class History {
  readonly model = new Model()
  readonly task: TaskDriver = routeTask({ window: WINDOW, graceMs: 1_000_000_000 })
  #next = 0
  #revision = 0

  run(command: Command): void {
    if (command.kind === 'ready') this.#ready(command)
    else if (command.kind === 'release') this.#release(command)
    else if (command.kind === 'limit') this.#limit(command)
    else this.#advance(command.ms)
  }

  #ready(command: Command & { kind: 'ready' }): void {
    const n = this.#next++
    const step = ready(n, {
      tenant: TENANTS[command.tenant]! as TenantId,
      pool: POOLS[command.pool]!,
      priority: command.priority,
    })
    this.model.waiting.set(n, step)
    this.#see(this.task.send('route', step))
  }

  #release({ pick, withdrawn }: Command & { kind: 'release' }): void {
    const { waiting, assigned } = this.model
    const known = withdrawn ? [...waiting.keys(), ...assigned.keys()] : [...assigned.keys()]
    if (known.length === 0) return
    const n = known[pick % known.length]!
    const step = assigned.get(n)
    waiting.delete(n)
    assigned.delete(n)
    const emits = this.task.send('route', released(n, { reason: withdrawn ? 'withdrawn' : 'finished' }))
    const cancels = emits.filter(({ record }) => record.kind === 'CancelStep').length
    expect(cancels).toBe(withdrawn && step !== undefined ? 1 : 0)
    this.#see(emits)
  }

  #limit(command: Command & { kind: 'limit' }): void {
    const name = TENANTS[command.tenant]!
    const { concurrency, rate, burst, weight } = command
    this.model.change(name, { concurrency, rate, burst }, this.task.now)
    const change = { maxConcurrency: concurrency, ratePerSecond: rate, burst, weight }
    this.#see(this.task.send('control', limits(name, ++this.#revision, change)))
    this.#see(this.task.advance(0))
  }

  /** In small steps, so that the model knows when what was due happened. */
  #advance(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.#see(this.task.advance(1))
      this.check()
    }
  }

  #see(emits: readonly Emitted[]): void {
    const started = emits.flatMap(({ record }) => (record.kind === 'ExecuteStep' ? [record] : []))
    for (const n of numbers(started)) this.model.assign(n, this.task.now)
  }

  check(): void {
    for (const [n, step] of this.model.waiting) {
      expect(this.model.mayStart(step, this.task.now), `step ${n} waits for nothing`).toBe(false)
    }
  }
}

it('never exceeds a limit and always uses it fully', () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 60, size: 'max' }), (commands) => {
      const history = new History()
      for (const command of commands) {
        history.run(command)
        history.check()
      }
    }),
    { numRuns: 150 },
  )
})
