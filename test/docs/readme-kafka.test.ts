/** The README's recipe for Kafka, with the console producer as it stands there. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { consoleProducer } from '../../load/kafka/console-tools.ts'
import { ApiClient } from '../../load/process/api-client.ts'
import { BeamlineProcess } from '../../load/process/beamline-process.ts'
import { freePort } from '../../load/process/free-ports.ts'
import { describeWithKafka } from '../support/kafka.ts'
import { fenced, hereDocuments, read } from './documents.ts'

const PREFIX = 'beamline.'
const scripts = fenced(read('README.md'), 'sh')
const greet = scripts.flatMap(hereDocuments).find((text) => text.startsWith('flow: greet'))!
const recipe = scripts.find((text) => text.includes('kafka-console-producer.sh'))!

function wordsAfter(name: string): readonly string[] {
  return recipe
    .slice(recipe.indexOf(name) + name.length)
    .trim()
    .split(/\s+/)
}

await describeWithKafka('the recipe for Kafka', (kafka) => {
  const prefix = `${kafka.unique('readme')}.`
  let folder: string
  let beamline: BeamlineProcess
  let client: ApiClient

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'beamline-readme-'))
    const env = {
      BEAMLINE_LOG: 'kafka',
      BEAMLINE_KAFKA_BROKERS: kafka.bootstrap.join(','),
      BEAMLINE_KAFKA_PREFIX: prefix,
    }
    beamline = await BeamlineProcess.start({ dataFolder: folder, port: await freePort(), env, readyWithinMs: 120_000 })
    client = new ApiClient(beamline.url)
    await client.publish(greet)
  })
  afterAll(async () => {
    await client?.close()
    await beamline?.kill()
    rmSync(folder, { recursive: true, force: true })
  })

  it('submits with the console producer, a repeat is the same run', async () => {
    const [, printed = ''] = /^printf '(.*)' \|$/m.exec(recipe) ?? []
    const stdin = printed.replaceAll('\\t', '\t').replaceAll('\\n', '\n')
    const here = new Map([
      ['127.0.0.1:9092', kafka.bootstrap.join(',')],
      [`${PREFIX}ingest`, `${prefix}ingest`],
    ])
    const args = wordsAfter('kafka-console-producer.sh').map((word) => here.get(word) ?? word)
    expect(args).toContain(`${prefix}ingest`)
    for (let time = 0; time < 2; time++) {
      const sent = await kafka.tool(consoleProducer(kafka.version), args, { stdin })
      expect(sent.code, sent.stderr).toBe(0)
    }
    const outputs = async (): Promise<readonly unknown[]> => {
      const { body } = await client.call('GET', '/api/v1/runs?flow=greet')
      const runs = body['runs'] as readonly { readonly run_id: string }[]
      const each = await Promise.all(runs.map(({ run_id }) => client.run(run_id)))
      return each.map(({ body: run }) => run['output'])
    }
    await vi.waitFor(async () => expect(await outputs()).toEqual(['DEAR Emmy, welcome.']), {
      timeout: 60_000,
      interval: 100,
    })
  })
})
