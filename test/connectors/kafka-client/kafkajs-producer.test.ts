/** Why kafkajs's own producer is not used: what our transactions survive, it answers with silent loss. Should this fail one day, it has been mended. */
import { Kafka, logLevel } from 'kafkajs'
import { expect, it } from 'vitest'
import { patchKafkajs } from '../../../connectors/kafka-client/patches.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { startFaultProxy } from './fault-proxy.ts'
import { committedValues, connect, createTopic } from './support.ts'

const PRODUCE = 0

await describeWithKafka('the transactional producer of kafkajs', (kafka) => {
  it('loses a committed record after a lost answer, an abort and the next transaction', async () => {
    patchKafkajs()
    const direct = await connect(kafka.bootstrap)
    const topic = kafka.unique('abort-and-reuse')
    await createTopic(direct, topic, 1)
    let produced = 0
    const proxy = await startFaultProxy(kafka.bootstrap, (apiKey) =>
      apiKey === PRODUCE && ++produced === 2 ? 'lose' : null,
    )
    const client = new Kafka({ brokers: [...proxy.brokers], logLevel: logLevel.NOTHING, retry: { retries: 0 } })
    const producer = client.producer({
      transactionalId: kafka.unique('id'),
      maxInFlightRequests: 1,
      retry: { retries: 0 },
    })
    await producer.connect()
    const attempt = async (value: string): Promise<boolean> => {
      const transaction = await producer.transaction()
      try {
        await transaction.send({ topic, messages: [{ value }] })
        await transaction.commit()
        return true
      } catch {
        await transaction.abort()
        return false
      }
    }
    const committed: string[] = []
    for (const value of ['first', 'lost answer', 'after the abort', 'last']) {
      // A refusal because the transaction before is not finished, and the lost answer, look alike to it: abort, and try again.
      const seen = produced
      let done = await attempt(value)
      for (let tries = 1; !done && produced === seen && tries < 500; tries++) done = await attempt(value)
      if (done) committed.push(value)
    }
    expect(committed).toEqual(['first', 'after the abort', 'last'])
    expect(await committedValues(direct, topic, 0)).toEqual(['first', 'last'])
    await producer.disconnect()
    await direct.close()
    await proxy.close()
  })
})
