/** Everything one simulated history consists of. */
import type { MessageMode } from '../../connectors/log-memory/faults.ts'
import { createMemoryStorage, type MemoryStorage, writeRecords } from '../../connectors/log-memory/storage.ts'
import { encodeRecord } from '../../schemas/codec/wire.ts'
import { checkFlow } from '../../schemas/flow/compile.ts'
import type { TenantId } from '../../schemas/ids.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { OutRecord } from '../../topology/log/port.ts'
import type { ClientLine } from '../../topology/verify/formats.ts'
import type { EffectSink } from './blocks.ts'
import { createFaults, type FaultPlan } from './faults.ts'
import { documentOf, type ModelFlow, randomFlow } from './flow-model.ts'
import type { Plant } from './plants/plant.ts'
import { createPrng, type Prng } from './prng.ts'
import { Scheduler, type SimProcess } from './scheduler.ts'

export interface SimulationOptions {
  readonly seed: number
  /** 0: nothing goes wrong; 1 (default): as usual. */
  readonly intensity?: number
  /** Handle emitted records in the commit that emits them. Default: the seed decides. */
  readonly fuse?: boolean
  /** One process at a time, whose tasks see records before they are durable, as with the embedded log. Default: the seed decides. */
  readonly eager?: boolean
  readonly plant?: Plant
  /** Told of every record written and every fault. */
  readonly trace?: (line: string) => void
}

export interface TenantModel {
  readonly tenant: TenantId
  readonly spread: number | null
  readonly maxConcurrency: number | null
  readonly rate: { readonly perSecond: number; readonly burst: number | null } | null
}

export interface World {
  readonly options: SimulationOptions
  readonly random: Prng
  readonly scheduler: Scheduler
  readonly storage: MemoryStorage
  readonly partitions: number
  readonly faults: FaultPlan
  /** The log's side, which does not crash. */
  readonly server: SimProcess
  readonly effects: EffectSink
  readonly client: ClientLine[]
  readonly tenants: readonly TenantModel[]
  /** By `flow/version`. */
  readonly flows: Map<string, ModelFlow>
  /** What was found wrong so far. */
  readonly problems: string[]
  trace(line: string): void
}

/** A flow whose every submission makes the processor throw after it has done its work. */
export const THROWING_FLOW = 'throws'

export function createWorld(options: SimulationOptions): World {
  const random = createPrng(options.seed, 'beamline')
  const scheduler = new Scheduler(random.fork('scheduler'))
  const server = scheduler.process('server', random.fork('server'))
  const shape = random.fork('shape')
  const partitions = 1 + shape.int(4)
  const eager = options.eager ?? random.fork('eager').chance(0.5)
  const messages: MessageMode = shape.chance(0.5) ? 'encoded' : 'frozen'
  const storage = createMemoryStorage(partitions, {
    environment: server.environment,
    messages,
    foldAfterBatches: shape.pick([2, 8, 64]),
    eager,
    maxOutstanding: random.fork('outstanding').pick([1, 2, 8]),
  })
  options.plant?.storage?.(storage)
  const problems: string[] = []
  const world: World = {
    options,
    random,
    scheduler,
    storage,
    partitions,
    faults: createFaults(random.fork('faults'), options.intensity ?? 1, eager, () => scheduler.nowMs),
    server,
    effects: { lines: [] },
    client: [],
    tenants: randomTenants(shape, partitions),
    flows: new Map(),
    problems,
    trace: (line) => options.trace?.(`${scheduler.steps} ${Math.round(scheduler.nowMs)}ms ${line}`),
  }
  publish(world, shape)
  return world
}

export function out(topic: Topic, partition: number, message: BeamlineRecord, key: string | null = null): OutRecord {
  return { topic, partition, key, value: encodeRecord(message), headers: null, handled: false, message }
}

function randomTenants(random: Prng, partitions: number): TenantModel[] {
  return ['acme', 'beta'].map((name) => {
    const spread = random.chance(0.4) ? 1 + random.int(partitions) : null
    // every partition a tenant lies on must have a share, or its runs there would never start
    const least = spread ?? partitions
    const maxConcurrency = random.chance(0.6) ? least + random.int(3) : null
    const rate = random.chance(0.3) ? { perSecond: random.pick([3, 20]), burst: random.pick([1, 5, null]) } : null
    return { tenant: name as TenantId, spread, maxConcurrency, rate }
  })
}

/** Tenants and flows are there before anybody starts. */
function publish(world: World, random: Prng): void {
  const write = (records: readonly BeamlineRecord[]) => {
    for (let partition = 0; partition < world.partitions; partition++) {
      const outs = records.map((record) => out('control', partition, record))
      writeRecords(world.storage, outs, world.server.environment.now(), () => 0)
    }
  }
  write(
    world.tenants.map(({ tenant, spread, maxConcurrency, rate }) => ({
      kind: 'TenantChanged',
      tenant,
      revision: 1,
      spread,
      maxConcurrency,
      ratePerSecond: rate?.perSecond ?? null,
      burst: rate?.burst ?? null,
      weight: 1 + random.int(3),
    })),
  )
  const count = 1 + random.int(3)
  for (let index = 0; index < count; index++) {
    write(flowRecords(world, randomFlow(random, `flow-${index}`), 1))
  }
  write(flowRecords(world, { ...randomFlow(random, THROWING_FLOW), deadlineMs: null }, 1))
  // limits count from a while after they were told
  world.scheduler.nowMs += 10_000
}

/** A flow version, for both tenants. */
export function flowRecords(world: World, flow: ModelFlow, version: number): BeamlineRecord[] {
  world.flows.set(`${flow.name}/${version}`, flow)
  const checked = checkFlow(JSON.stringify(documentOf(flow)))
  if (!checked.ok) throw new Error(`the generator made a flow that is refused: ${JSON.stringify(checked.problems)}`)
  return world.tenants.map(({ tenant }) => ({
    kind: 'FlowPublished',
    tenant,
    flow: flow.name,
    version,
    document: checked.document,
    hash: `${flow.name}-${version}`,
    publishedAtMs: world.server.environment.now(),
    publishedBy: null,
  }))
}
