/** What `docs/schemas.md` tells people to run, run against the Kafka of the tests. */
import { expect, it } from 'vitest'
import { fenced, read } from '../docs/documents.ts'
import type { TestKafka } from '../support/kafka.ts'
import { kcat, output, python } from './tools.ts'
import { type ForeignWorld, ofKind } from './world.ts'

const DOCUMENT = read('docs/schemas.md')
const [python3, kcatCommand] = await Promise.all([python(['confluent_kafka', 'fastavro', 'httpx', 'authlib']), kcat()])

export function documentedSnippets(kafka: TestKafka, world: () => ForeignWorld): void {
  const here = (snippet: string): string => {
    const { prefix, registryUrl } = world()
    return snippet
      .replaceAll('http://localhost:8080/schema-registry', registryUrl)
      .replaceAll('localhost:9092', kafka.bootstrap.join(','))
      .replaceAll(/beamline\.(?=ingest|events)/g, prefix)
      .replaceAll('"hello"', '"test"')
  }
  const accepted = () => ofKind(world().events, 'RunAccepted').filter(({ input }) => input === '{"name":"Ada"}').length
  const snippet = (language: string, what: string): string => {
    const found = fenced(DOCUMENT, language).filter((text) => text.includes(what))
    expect(found).toHaveLength(1)
    return here(found[0]!)
  }

  it('the documented questions to the registry are answered', async () => {
    const answer = await output('bash', ['-ec', snippet('sh', 'curl')])
    expect(answer).toContain(`"${world().prefix}events-beamline.RunCompleted"`)
    expect(answer).toContain('"name":"beamline.SubmitRun"')
  })

  it.skipIf(kcatCommand === null)('the documented call of kcat submits a run', async () => {
    const before = accepted()
    await output('bash', ['-ec', snippet('sh', 'kcat')])
    await expect.poll(accepted).toBe(before + 1)
  })

  it.skipIf(python3 === null)('the documented Python submits a run and reads events', async () => {
    const before = accepted()
    await output(python3!, ['-c', snippet('python', 'Producer(')])
    await expect.poll(accepted).toBe(before + 1)
    const seen = await output(python3!, ['-c', snippet('python', 'Consumer(')])
    expect(seen.match(/^RunAccepted [0-9a-f-]{36}$/gm)).toHaveLength(ofKind(world().events, 'RunAccepted').length)
  })
}
