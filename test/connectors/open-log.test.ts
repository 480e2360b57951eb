import { afterEach, expect, it } from 'vitest'
import { realEnvironment } from '../../connectors/environment.ts'
import { openLog } from '../../connectors/open-log.ts'
import { describeWithKafka } from '../support/kafka.ts'
import { deleteTopics, testClient } from './log-kafka/support.ts'
import { openServer } from './schema-registry/servers.ts'

await describeWithKafka('a log on Kafka with an external schema registry', ({ bootstrap, unique }) => {
  const prefix = `${unique('open-log')}.`
  const open = (url: string) =>
    openLog(
      { kind: 'kafka', options: { prefix, kafka: { brokers: bootstrap, clientId: 'test' } }, registry: { url } },
      { dataFolder: '', partitions: 1, environment: realEnvironment, registersSchemas: true, onProblem: () => {} },
    )
  afterEach(async () => {
    const admin = await testClient(bootstrap)
    await deleteTopics(admin, prefix)
    await admin.close()
  })

  it('may be opened later while the registry is down, and says so', async () => {
    const server = await openServer()
    await server.close()
    await expect(open(server.url)).rejects.toMatchObject({
      name: 'LogError',
      code: 'UNREACHABLE',
      retriable: true,
      message: expect.stringContaining(`the schema registry at ${server.url} cannot be asked`),
    })
    const again = await openServer({ port: Number(new URL(server.url).port) })
    const { log, subjects, close } = await open(server.url)
    expect([log.health().writable, subjects]).toEqual([true, null])
    await close()
    await again.close()
  })

  it('is not opened where the registry holds something else', async () => {
    const server = await openServer()
    await server.store.register(
      `${prefix}ingest-beamline.SubmitRun`,
      '{"type":"record","namespace":"beamline","name":"SubmitRun","fields":[]}',
    )
    await server.store.setCompatibility(null, 'FULL')
    await expect(open(server.url)).rejects.toMatchObject({ name: 'SchemaRegistryError', code: 'INCOMPATIBLE' })
    await server.close()
  })
})
