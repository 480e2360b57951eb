/** A task that a process loses and gets again while brokers are away is asked for twice, and the first request may be answered last. */
import { expect, it } from 'vitest'
import type { KafkaClient } from '../../../connectors/kafka-client/contract.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { openTestLog } from './support.ts'

interface SlowFirst {
  readonly interpose: (client: KafkaClient) => KafkaClient
  /** The broker has done what was asked for first. */
  readonly done: Promise<void>
  release(): void
}

/** Of what is asked for first, the answer is held back. */
function slowFirst(): SlowFirst {
  const [held, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let asked = 0
  const interpose = (client: KafkaClient): KafkaClient =>
    new Proxy(client, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (name !== 'openTransactions') return typeof value === 'function' ? value.bind(target) : value
        const open: KafkaClient['openTransactions'] = async (id, timeoutMs) => {
          const isFirst = asked++ === 0
          const producer = await target.openTransactions(id, timeoutMs)
          if (isFirst) done.resolve()
          if (isFirst) await held.promise
          return producer
        }
        return open
      },
    })
  return { interpose, done: done.promise, release: held.resolve }
}

await describeWithKafka('of two openings of a task in one process', ({ bootstrap, unique }) => {
  it('the later one has it, whichever is answered first', async () => {
    const { interpose, done, release } = slowFirst()
    const log = await openTestLog(bootstrap, { prefix: `${unique('openings')}.`, interpose })
    const early = log.openTask(0)
    await done
    const late = await log.openTask(0)
    release()
    await expect(early).rejects.toMatchObject({ code: 'FENCED' })
    // what was asked for first has not taken it away
    const commit = { appends: [], changelog: [{ key: 'k', value: Buffer.from('v') }], offsets: new Map() }
    await expect(late.commit(commit)).resolves.toMatchObject({ changelogPosition: expect.any(Number) })
    await late.close()
    await log.close()
  })
})
