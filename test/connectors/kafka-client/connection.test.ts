import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { parseAddress } from '../../../connectors/kafka-client/connection.ts'
import { describeWithKafka } from '../../support/kafka.ts'
import { startFaultProxy } from './fault-proxy.ts'
import { committedValues, connect, createTopic, record } from './support.ts'

describe('addresses', () => {
  it.each([
    ['localhost:9092', { host: 'localhost', port: 9092 }],
    ['[::1]:9092', { host: '::1', port: 9092 }],
  ])('%s', (text, expected) => expect(parseAddress(text)).toEqual(expected))

  it.each(['localhost', 'kafka://localhost:9092', 'localhost:0', 'localhost:70000', '::1:9092', ''])(
    'refuses %j',
    (text) => {
      expect(() => parseAddress(text)).toThrow(`a broker address is host:port, not ${JSON.stringify(text)}`)
    },
  )
})

describe('what is not a Kafka broker', () => {
  it('is named, and tried again', async () => {
    const server = createServer((socket) => socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const problems: string[] = []
    const client = await connect([`127.0.0.1:${port}`], { onProblem: (message) => problems.push(message) })
    expect(client.health()).toMatchObject({
      reachable: false,
      reason: expect.stringContaining("does not speak Kafka's protocol"),
    })
    expect(problems).toHaveLength(1)
    await client.close()
    server.close()
  })
})

await describeWithKafka('a broker out of reach', (kafka) => {
  it('is unreachable at start, and used once it is there', async () => {
    const proxy = await startFaultProxy(kafka.bootstrap, () => null)
    proxy.setOpen(false)
    const problems: string[] = []
    const client = await connect(proxy.brokers, { onProblem: (message) => problems.push(message) })
    expect(client.health().reachable).toBe(false)
    expect(problems.join()).toContain(proxy.brokers[0])
    const topic = kafka.unique('later')
    const appended = client.append([record(topic, 0, 'patient')])
    appended.catch(() => {})
    const direct = await connect(kafka.bootstrap)
    await createTopic(direct, topic, 1)
    proxy.setOpen(true)
    await appended
    expect(await committedValues(direct, topic, 0)).toEqual(['patient'])
    await expect.poll(() => client.health()).toEqual({ reachable: true, reason: null })
    await client.close()
    await direct.close()
    await proxy.close()
  })

  it('is told of when it stays away, and forgotten when it is back', async () => {
    const proxy = await startFaultProxy(kafka.bootstrap, () => null)
    const client = await connect(proxy.brokers)
    expect(client.health().reachable).toBe(true)
    proxy.setOpen(false)
    await expect.poll(() => client.health().reachable, { interval: 100 }).toBe(false)
    proxy.setOpen(true)
    await expect.poll(() => client.health().reachable, { interval: 100 }).toBe(true)
    await client.close()
    await proxy.close()
  })
})
