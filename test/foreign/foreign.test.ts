import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { consoleProducer } from '../../load/kafka/console-tools.ts'
import { schemaIdIn, schemaIdOf } from '../../schemas/codec/wire.ts'
import { openServer, type Server } from '../connectors/schema-registry/servers.ts'
import { describeWithKafka, type TestKafka } from '../support/kafka.ts'
import { SMALL_SUBMIT_RUN } from '../topology/schema-registry/support.ts'
import { documentedSnippets } from './snippets.ts'
import { goClient, kcat, output, succeeded } from './tools.ts'
import { type ForeignWorld, ofKind, openForeignWorld } from './world.ts'

const [go, kcatCommand] = await Promise.all([goClient(), kcat()])
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

await describeWithKafka('foreign clients', (kafka) => {
  describe('with the built-in schema registry', () => {
    let world: ForeignWorld
    beforeAll(async () => {
      world = await openForeignWorld(kafka.bootstrap, `${kafka.unique('foreign')}.`, null)
    })
    afterAll(() => world?.close())

    textProducers(kafka, () => world)
    avroClient(kafka, () => world)

    documentedSnippets(kafka, () => world)

    it('find our ids on the wire', async () => {
      const [record] = await world.raw.read('control', 0, 'first').next(1)
      expect(schemaIdIn(record!.value)).toBe(schemaIdOf('SchemaChanged'))
    })
  })

  describe('with an external schema registry', () => {
    let world: ForeignWorld
    let server: Server
    beforeAll(async () => {
      server = await openServer()
      world = await openForeignWorld(kafka.bootstrap, `${kafka.unique('foreign')}.`, server.url)
    })
    afterAll(async () => {
      await world?.close()
      await server?.close()
    })

    avroClient(kafka, () => world)

    it('find its ids on the wire', async () => {
      const [record] = await world.raw.read('control', 0, 'first').next(1)
      const [version] = (await server.store.current()).versions(`${world.prefix}control-beamline.FlowPublished`)
      expect(schemaIdIn(record!.value)).toBe(version!.id)
      expect(version!.id).not.toBe(schemaIdOf('FlowPublished'))
    })
  })
})

function textProducers(kafka: TestKafka, world: () => ForeignWorld): void {
  const brokers = kafka.bootstrap.join(',')
  const ingest = (): string => `${world().prefix}ingest`
  const completed = () => ofKind(world().events, 'RunCompleted')
  const accepted = () => ofKind(world().events, 'RunAccepted')

  it.skipIf(kcatCommand === null)(
    'kcat sends JSON with headers and any key; the same idempotency key is one run',
    async () => {
      const before = completed().length
      const headers = ['tenant_id=acme', 'idempotency_key=from-kcat', `traceparent=${TRACE}`].flatMap((header) => [
        '-H',
        header,
      ])
      const args = ['-P', '-b', brokers, '-t', ingest(), '-k', 'any\u0001key', ...headers]
      for (let sent = 0; sent < 2; sent++) await output('kcat', args, '{"flow":"test","input":{"from":"kcat"}}\n')
      await output('kcat', ['-P', '-b', brokers, '-t', ingest()], '{"flow":"test","input":{"from":"kcat, bare"}}\n')
      await expect.poll(() => completed().length).toBe(before + 2)
      const keyed = accepted().filter(({ input }) => input === '{"from":"kcat"}')
      expect(keyed).toHaveLength(1)
      expect(keyed[0]).toMatchObject({ tenant: 'acme', traceparent: TRACE })
      expect(accepted().find(({ input }) => input === '{"from":"kcat, bare"}')).toMatchObject({ tenant: 'default' })
    },
  )

  it('the Java console producer sends JSON with headers and keys', async () => {
    const before = completed().length
    const properties = ['parse.key=true', 'parse.headers=true'].flatMap((property) => ['--property', property])
    const lines = Array.from({ length: 10 }, (_, index) => {
      return `tenant_id:acme,idempotency_key:java-${index}\tkey-${index}\t{"flow":"test","input":${index}}\n`
    })
    const args = ['--bootstrap-server', brokers, '--topic', ingest(), ...properties]
    succeeded(await kafka.tool(consoleProducer(kafka.version), args, { stdin: lines.join('') }))
    await expect.poll(() => completed().length).toBe(before + 10)
  })

  it.skipIf(kcatCommand === null)('an unknown schema id becomes a dead letter that names it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'beamline-foreign-'))
    const file = join(folder, 'record')
    try {
      await writeFile(file, Buffer.from([0, 1, 0, 1, 1, 7]))
      await output('kcat', ['-P', '-b', brokers, '-t', ingest(), file])
    } finally {
      await rm(folder, { recursive: true })
    }
    await expect.poll(() => world().letters.length).toBe(1)
    expect(world().letters[0]).toMatchObject({
      category: 'record_unreadable',
      error: {
        code: 'SCHEMA_UNKNOWN',
        message: expect.stringContaining(`schema id ${0x01_00_01_01} is unknown to the schema registry`),
      },
    })
  })
}

function avroClient(kafka: TestKafka, world: () => ForeignWorld): void {
  const common = (topic: string): string[] => {
    const { prefix, registryUrl } = world()
    return ['-brokers', kafka.bootstrap.join(','), '-registry', registryUrl, '-topic', `${prefix}${topic}`]
  }
  const completed = () => ofKind(world().events, 'RunCompleted')

  it.skipIf(go === null)('a Go client sends Avro with a schema of its own, and with ours', async () => {
    const before = completed().length
    const subject = `${world().prefix}ingest-beamline.SubmitRun`
    const args = ['produce', ...common('ingest'), '-subject', subject, '-flow', 'test', '-tenant', 'acme', '-keys']
    const ours = await output(go!, [...args, 'go-ours-', '-count', '5'])
    const own = await output(go!, [...args, 'go-', '-count', '20', '-schema', SMALL_SUBMIT_RUN])
    expect(Number(own)).not.toBe(Number(ours))
    await expect.poll(() => completed().length).toBe(before + 25)
    // the repeats are recognised
    await output(go!, [...args, 'go-', '-count', '21', '-schema', SMALL_SUBMIT_RUN])
    await expect.poll(() => completed().length).toBe(before + 26)
    expect(world().letters.filter(({ error }) => error.code !== 'SCHEMA_UNKNOWN')).toEqual([])
  })

  it.skipIf(go === null)('a Go client reads every event with the schemas of the registry', async () => {
    const { events } = world()
    const text = await output(go!, ['consume', ...common('events'), '-count', String(events.length)])
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { value: { kind: string; runId: string } })
    const seen = lines.map(({ value: { kind, runId } }) => `${kind} ${runId}`).sort()
    expect(events.length).toBeGreaterThan(25)
    expect(seen).toEqual(events.map((event) => `${event.kind} ${(event as { runId: string }).runId}`).sort())
  })
}
