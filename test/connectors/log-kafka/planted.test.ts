/** The checker finds the mistakes that a log on Kafka must not have: each is planted by wrapping, and the same world without it is well. */
import { expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { KafkaClient } from '../../../connectors/kafka-client/contract.ts'
import type { Log } from '../../../topology/log/port.ts'
import { Node } from '../../../topology/node/node.ts'
import type { TaskObserver } from '../../../topology/task/observer.ts'
import { createTopology } from '../../../topology/topology.ts'
import type { ClientLine } from '../../../topology/verify/formats.ts'
import type { VerifyReport } from '../../../topology/verify/report.ts'
import { sourceOf, verifyHistory } from '../../../topology/verify/verify-history.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { startFaultProxy } from '../kafka-client/fault-proxy.ts'
import { numbersFrom } from '../kafka-client/support.ts'
import { startEngine } from './engine.ts'
import {
  withAllTasks,
  withFailures,
  withHeldCommits,
  withKeptState,
  withOffsetsApart,
  withoutFencing,
  withReusedProducer,
} from './planted-bugs.ts'
import { deleteTopics, openTestLog, testClient } from './support.ts'

const RUNS = 120
const PRODUCE = 0
const END_TXN = 26
/** Nothing has ended for so long: what is open will not end. Where nothing is lost, that is said only of what hangs. */
const STILL_MS = 4_000
const HANGS_MS = 120_000

interface World {
  /** Every run is to end. */
  readonly harmless?: boolean
  /** Whether enough has gone wrong; until then there are more runs. */
  readonly enough?: () => boolean
  readonly interpose?: (client: KafkaClient) => KafkaClient
  readonly wrap?: (log: Log) => Log
  readonly brokers?: readonly string[]
  /** Goes on beside the second half of the runs; what it resolves to is called at the end. */
  readonly meanwhile?: (prefix: string) => Promise<() => Promise<void>>
}

await describeWithKafka('mistakes', (kafka) => {
  /** Runs go through a world; what is found wrong with it. That executors leave is announced when nobody reads it any more. */
  async function mistakesIn(world: World): Promise<readonly string[]> {
    const { interpose, wrap, brokers, meanwhile, harmless = false, enough = () => true } = world
    const prefix = `${kafka.unique('planted')}.`
    const options = { prefix, ...(interpose === undefined ? {} : { interpose }) }
    const log = await openTestLog(brokers ?? kafka.bootstrap, options)
    const told: ClientLine[] = []
    try {
      const engine = await startEngine(wrap?.(log) ?? log, {
        workerId: 'planted',
        onSubmitted: (runId) => told.push({ op: 'submit', run_id: runId, accepted: true, at_ms: Date.now() }),
      })
      let lastEndAt = performance.now()
      let begun = 0
      let ended = 0
      let second: ReturnType<NonNullable<World['meanwhile']>> | undefined
      for (let index = 0; index < RUNS || !enough(); index++) {
        if (index === RUNS / 2) second = meanwhile?.(prefix)
        const run = engine.run(index)
        begun++
        run.then(
          () => {
            ended++
            lastEndAt = performance.now()
          },
          () => {},
        )
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      const close = await second
      lastEndAt = performance.now()
      while (ended < begun && performance.now() - lastEndAt < (harmless ? HANGS_MS : STILL_MS)) {
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      await engine.close()
      await close?.()
    } finally {
      await log.close()
    }
    const { runs, violationCounts } = await reportOf(prefix, told)
    expect(runs).toBeGreaterThan(0)
    return Object.keys(violationCounts).filter((code) => code !== 'unprocessed_record')
  }

  async function reportOf(prefix: string, told: readonly ClientLine[]): Promise<VerifyReport> {
    const log = await openTestLog(kafka.bootstrap, { prefix })
    const client = await testClient(kafka.bootstrap)
    try {
      return await verifyHistory(sourceOf(log), { client: told }, { settled: true })
    } finally {
      await log.close()
      await deleteTopics(client, prefix)
      await client.close()
    }
  }

  /** A second owner takes all tasks over while the commits of the first are held back; when it has done something, they go on. */
  function takenOver(plant: (client: KafkaClient) => KafkaClient): World {
    let gate: Promise<void> | null = null
    return {
      wrap: withAllTasks,
      interpose: (client) => withHeldCommits(plant(client), () => gate),
      async meanwhile(prefix) {
        const { promise, resolve: release } = Promise.withResolvers<void>()
        gate = promise
        const log = await openTestLog(kafka.bootstrap, { prefix, interpose: plant })
        let commits = 0
        const node = new Node({
          log: withAllTasks(log),
          environment: realEnvironment,
          topology: createTopology(),
          workerId: 'second',
          tasks: true,
          pools: [],
          taskObserver: { ...SILENT, committed: () => void commits++ },
        })
        await node.start()
        await expect.poll(() => commits).toBeGreaterThan(5)
        release()
        return async () => {
          node.kill()
          await log.close()
        }
      },
    }
  }

  it('an earlier owner does no harm', async () => {
    expect(await mistakesIn({ ...takenOver((client) => client), harmless: true })).toEqual([])
  })

  it('an earlier owner that is not fenced is found', async () => {
    const found = await mistakesIn(takenOver(withoutFencing))
    expect(found).toEqual(expect.arrayContaining(['run_accepted_twice', 'run_ended_twice']))
  })

  it('failed commits do no harm', async () => {
    const struck = everyFourth()
    const enough = () => struck.times() > 5
    const interpose = (client: KafkaClient) => withFailures(client, struck)
    expect(await mistakesIn({ interpose, harmless: true, enough })).toEqual([])
  })

  it('offsets outside of the transaction are found', async () => {
    const struck = everyFourth()
    const enough = () => struck.times() > 5
    const found = await mistakesIn({ interpose: (client) => withOffsetsApart(client, struck), enough })
    expect(found).toContain('run_lost')
  })

  it('state that is kept after a failed commit is found', async () => {
    const struck = everyFourth()
    const enough = () => struck.times() > 5
    const found = await mistakesIn({ wrap: (log) => withKeptState(log, struck), enough })
    expect(found).toContain('run_lost')
  })

  /** The network loses answers to requests of these kinds. */
  async function throughLoss<T>(
    kind: 'lose' | 'swallow',
    apiKeys: readonly number[],
    use: (world: Required<Pick<World, 'brokers' | 'enough'>>) => Promise<T>,
  ): Promise<T> {
    const number = numbersFrom(11)
    const proxy = await startFaultProxy(kafka.bootstrap, (apiKey) =>
      apiKeys.includes(apiKey) && number() < 0.08 ? kind : null,
    )
    try {
      const times = (apiKey: number) => proxy.struck.get(`${kind} ${apiKey}`) ?? 0
      return await use({ brokers: proxy.brokers, enough: () => apiKeys.every((apiKey) => times(apiKey) > 2) })
    } finally {
      await proxy.close()
    }
  }

  it('lost answers do no harm', async () => {
    const found = throughLoss('lose', [PRODUCE, END_TXN], (world) => mistakesIn({ ...world, harmless: true }))
    expect(await found).toEqual([])
  })

  it('a producer that is used again after a failure is found', async () => {
    const found = await throughLoss('swallow', [PRODUCE], (world) =>
      mistakesIn({ ...world, interpose: (client) => withReusedProducer(client, world.brokers) }),
    )
    expect(found).toContain('run_lost')
  })
})

const SILENT: TaskObserver = {
  phase: () => {},
  restored: () => {},
  restoreProgress: () => {},
  committed: () => {},
  counted: () => {},
  deadLettered: () => {},
  reopening: () => {},
}

interface Struck {
  (): boolean
  times(): number
}

function everyFourth(): Struck {
  let count = 0
  return Object.assign(() => ++count % 4 === 0, { times: () => Math.floor(count / 4) })
}
