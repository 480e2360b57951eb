import { afterAll, beforeAll, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { KafkaClient } from '../../../connectors/kafka-client/contract.ts'
import { createStepKafka, type StepKafka } from '../../../connectors/step-kafka/step-kafka.ts'
import { murmur2 } from '../../../schemas/murmur2.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { committedValues, connect, createTopic } from '../kafka-client/support.ts'

await describeWithKafka('what kafka.produce writes with', ({ bootstrap, unique }) => {
  const topic = unique('orders')
  let client: KafkaClient
  let port: StepKafka
  beforeAll(async () => {
    client = await connect(bootstrap)
    await createTopic(client, topic, 3)
    const kafka = { brokers: bootstrap, clientId: 'steps' }
    port = createStepKafka({ kafka, environment: realEnvironment, reservedPrefix: 'beamline.' })
  })
  afterAll(async () => {
    await port.close()
    await client.close()
  })
  const message = { topic, key: null, value: Buffer.from('x'), headers: {}, partition: null }

  it('places a message as every other client of Kafka would, and says where it is', async () => {
    const partition = (murmur2('a-1') & 0x7fffffff) % 3
    const stored = await port.produce('acme', { ...message, key: 'a-1', value: Buffer.from('one') })
    expect(stored).toEqual({ topic, partition, offset: '0' })
    expect(await committedValues(client, topic, partition)).toEqual(['one'])
    const other = (partition + 1) % 3
    expect(await port.produce('acme', { ...message, partition: other })).toEqual({
      topic,
      partition: other,
      offset: '0',
    })
    expect((await port.produce('acme', message)).partition).toBeLessThan(3)
  })

  it.each([
    ["the engine's own topics", 'beamline.result', null],
    ["Kafka's own topics", '__consumer_offsets', null],
    ['a partition that is not there', topic, 3],
    ['a topic that is not there', unique('missing'), null],
  ])('refuses %s', async (_what, name, partition) => {
    await expect(port.produce('acme', { ...message, topic: name, partition })).rejects.toMatchObject({
      code: 'TOPIC_REFUSED',
      message: expect.stringContaining(name),
    })
  })

  it('connects again after a cluster that was out of reach', async () => {
    const kafka = { brokers: ['127.0.0.1:1'], clientId: 'steps', connectionTimeoutMs: 200 }
    const away = createStepKafka({ kafka, environment: realEnvironment, reservedPrefix: 'beamline.' })
    await expect(away.produce('acme', message)).rejects.toThrow()
    await away.close()
  })
})
