import { expect, it } from 'vitest'
import type { KafkaClient } from '../../../connectors/kafka-client/contract.ts'
import { closedLoop } from '../../../load/measure/driver.ts'
import { Random } from '../../../load/process/random.ts'
import { decodeRecord } from '../../../schemas/codec/wire.ts'
import type { Log } from '../../../topology/log/port.ts'
import { readAll, until } from '../../conformance/log/harness.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { startFaultProxy } from '../kafka-client/fault-proxy.ts'
import { type Engine, startEngine } from './engine.ts'
import { openTestLog } from './support.ts'

const PARTITIONS = 2
/** Produce, InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit. */
const OF_TRANSACTIONS: ReadonlySet<number> = new Set([0, 22, 24, 25, 26, 28])

/** Runs that completed, by how often they did. */
async function completions(log: Log): Promise<ReadonlyMap<number, number>> {
  const counts = new Map<string, number>()
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const { value } of await readAll(log, 'events', partition)) {
      const event = decodeRecord(value)
      if (event.kind === 'RunCompleted') counts.set(event.runId, (counts.get(event.runId) ?? 0) + 1)
    }
  }
  return new Map([...Map.groupBy(counts.values(), (count) => count)].map(([count, runs]) => [count, runs.length]))
}

await describeWithKafka('runs on a Kafka that fails', ({ bootstrap, unique }) => {
  it('completes every run once though answers of transactions and appends are lost', async () => {
    const random = new Random(7)
    let failing = false
    const strikes = (apiKey: number): boolean => failing && OF_TRANSACTIONS.has(apiKey) && random.u32() % 100 < 3
    const proxy = await startFaultProxy(bootstrap, (apiKey) => (strikes(apiKey) ? 'lose' : null))
    const log = await openTestLog(proxy.brokers, { prefix: `${unique('faults')}.`, partitions: PARTITIONS })
    const engine = await startEngine(log, { workerId: 'w' })
    await until(() => engine.node.isReady())
    failing = true
    const ends: string[] = []
    await closedLoop(async (index) => ends.push(await insist(engine, index)), 300, 8)
    // the slower the machine, the more goes with one request
    const wanted = ['lose 0', 'lose 26', 'lose 28']
    for (let index = 300; wanted.some((what) => !proxy.struck.has(what)); index++)
      ends.push(await insist(engine, index))
    failing = false
    expect(new Set(ends)).toEqual(new Set(['RunCompleted']))
    expect([...(await completions(log)).keys()]).toEqual([1])
    await engine.close()
    await log.close()
    await proxy.close()
  })

  it('goes on in another process with what one was doing that died', async () => {
    const prefix = `${unique('takeover')}.`
    let client: KafkaClient | null = null
    const doomedLog = await openTestLog(bootstrap, {
      prefix,
      interpose: (made) => {
        client = made
        return made
      },
    })
    const log = await openTestLog(bootstrap, { prefix })
    const doomed = await startEngine(doomedLog, { workerId: 'doomed' })
    const heir = await startEngine(log, { workerId: 'heir' })
    await until(() => doomed.node.tasks.length === 1 && heir.node.tasks.length === 1)
    await until(() => doomed.node.isReady() && heir.node.isReady())
    const runs = Array.from({ length: 300 }, (_, i) => heir.run(i))
    await runs[0]
    await doomed.kill()
    await client!.close()
    for (let i = 0; i < 100; i++) runs.push(heir.run(i))
    expect(new Set(await Promise.all(runs))).toEqual(new Set(['RunCompleted']))
    expect(await completions(log)).toEqual(new Map([[1, 400]]))
    expect(heir.node.tasks.length).toBe(PARTITIONS)
    await heir.close()
    await log.close()
  })
})

/** A submission whose answer is lost was written or not; here it may be made again as another run. */
async function insist(engine: Engine, index: number): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await engine.run(index)
    } catch (error) {
      if (attempt === 5) throw error
    }
  }
}
