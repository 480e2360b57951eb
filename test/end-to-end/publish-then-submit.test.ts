/** On the embedded log a submission that follows the answer to a publication gets the version that was published, in every partition. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BeamlineNode, startBeamline } from '../../main.ts'

const VERSIONS = 12
/** Runs of each version: with four partitions, hardly one of these is left out. */
const RUNS = 16

const folder = mkdtempSync(join(tmpdir(), 'beamline-publish-'))
let node: BeamlineNode

beforeAll(async () => {
  node = await startBeamline({ dataFolder: folder, port: 0, partitions: 4 })
})
afterAll(async () => {
  await node.close()
  rmSync(folder, { recursive: true })
})

async function post(path: string, type: string, body: string): Promise<{ readonly version: number }> {
  const answer = await fetch(`${node.url}${path}`, { method: 'POST', headers: { 'content-type': type }, body })
  expect(answer.ok).toBe(true)
  return (await answer.json()) as { readonly version: number }
}

test('publish, then submit at once', async () => {
  for (let version = 1; version <= VERSIONS; version++) {
    const document = `flow: latest\nsteps:\n  - id: a\n    type: transform\n    with: { data: { n: ${version} } }\n`
    expect((await post('/api/v1/flows', 'application/yaml', document)).version).toBe(version)
    const submit = () => post('/api/v1/runs?wait=30s', 'application/json', '{"flow":"latest","input":{}}')
    const runs = await Promise.all(Array.from({ length: RUNS }, submit))
    expect(new Set(runs.map((run) => run.version))).toEqual(new Set([version]))
  }
}, 60_000)
