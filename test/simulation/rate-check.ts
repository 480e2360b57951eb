/** Attempts started per tenant and task, by the task's own clock, against the bucket that its share of the rate fills. */
import type { EventRecord, RecordOfKind } from '../../schemas/records/index.ts'
import type { World } from './world.ts'

/** Sums of fractions are not exact. */
const ROUNDING = 1e-6

interface Bucket {
  tokens: number
  atMs: number
}

export class RateCheck {
  readonly #world: World
  /** By `tenant/partition`. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(world: World) {
    this.#world = world
  }

  add(event: EventRecord, partition: number): void {
    if (event.kind === 'StepStarted') this.#started(event, partition)
  }

  #started({ tenant, atMs, runId, stepId }: RecordOfKind<'StepStarted'>, partition: number): void {
    const { tenants, partitions, problems } = this.#world
    const model = tenants.find((one) => one.tenant === tenant)
    if (model === undefined || model.rate === null) return
    const parts = model.spread ?? partitions
    const rate = model.rate.perSecond / parts
    const most = Math.max(1, (model.rate.burst ?? model.rate.perSecond) / parts)
    const key = `${tenant}/${partition}`
    const bucket = this.#buckets.get(key) ?? { tokens: most, atMs }
    this.#buckets.set(key, bucket)
    bucket.tokens = Math.min(most, bucket.tokens + ((atMs - bucket.atMs) * rate) / 1000) - 1
    bucket.atMs = atMs
    if (bucket.tokens >= -ROUNDING) return
    problems.push(`rate of tenant '${tenant}' on partition ${partition} is exceeded by step ${stepId} of run ${runId}`)
  }
}
