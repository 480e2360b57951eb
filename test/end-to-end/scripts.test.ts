/** Scripts, transformations and a block of the operator's through the whole engine, and what is told of them. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { realEnvironment as environment } from '../../connectors/environment.ts'
import { createLogger } from '../../connectors/logging/logger.ts'
import { runCli } from '../../gateway/cli/cli.ts'
import type { CliDependencies } from '../../gateway/cli/dependencies.ts'
import { type BeamlineNode, startBeamline } from '../../main.ts'
import type { Json } from '../../schemas/json.ts'

const FLOW = `
flow: clean-up
steps:
  - id: boxes
    type: javascript
    with:
      args: { lines: "\${input.lines}" }
      code: |
        console.log('lines', lines.length)
        return lines.map((line) => ({ ...line, boxes: Math.ceil(line.qty / 12) }))
  - id: shape
    type: transform
    with: { data: "\${steps.boxes.output}", each: true, rename: { sku: article }, template: { article: "$\${article}", boxes: "$\${boxes}" } }
  - id: name
    type: custom.slug
    pool: io
    with: { text: "\${input.title}" }
output: "{name: steps.name.output.slug, lines: steps.shape.output}"
`
const folder = mkdtempSync(join(tmpdir(), 'beamline-scripts-'))
let logged = ''
let node: BeamlineNode

beforeAll(async () => {
  mkdirSync(join(folder, 'blocks'))
  copyFileSync(
    resolve(import.meta.dirname, '../../docs/custom-block/slug.block.ts'),
    join(folder, 'blocks', 'slug.block.ts'),
  )
  const output = {
    write: (line: string) => {
      logged += line
    },
  }
  const logger = createLogger({ environment, level: 'info', format: 'json', output })
  const blocks = { customFolder: join(folder, 'blocks'), cpuThreads: 1 }
  node = await startBeamline({ dataFolder: join(folder, 'data'), partitions: 1, port: 0, logger, blocks })
})
afterAll(async () => {
  await node?.close()
  rmSync(folder, { recursive: true })
})

async function call(
  method: string,
  path: string,
  body?: string,
  type = 'application/json',
): Promise<{ status: number; body: Json }> {
  const sent = body === undefined ? {} : { body, headers: { 'content-type': type } }
  const answer = await fetch(`${node.url}${path}`, { method, ...sent })
  return { status: answer.status, body: (await answer.json()) as Json }
}

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const dependencies = {
    version: '0',
    environment,
    variables: { BEAMLINE_URL: node.url! },
    stdin: Readable.from([]),
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    interrupted: new AbortController().signal,
  } as unknown as CliDependencies
  return { code: await runCli(args, dependencies), out, err }
}

test('a flow with them gives what it should, and the console is in the log', async () => {
  expect(await call('POST', '/api/v1/flows', FLOW, 'application/yaml')).toMatchObject({ status: 201 })
  const input = { title: 'Order 7', lines: [{ sku: 'a', qty: 30 }] }
  const run = await call('POST', '/api/v1/runs?wait=60s', JSON.stringify({ flow: 'clean-up', input }))
  expect(run.body).toMatchObject({
    status: 'completed',
    output: { name: 'order-7', lines: [{ article: 'a', boxes: 3 }] },
  })
  const line = logged.split('\n').find((text) => text.includes('lines 1')) ?? '{}'
  expect(JSON.parse(line)).toMatchObject({
    component: 'step',
    step_id: 'boxes',
    block: 'javascript',
    flow_id: 'clean-up',
  })
})

test('GET /api/v1/blocks tells what there is', async () => {
  const { body } = await call('GET', '/api/v1/blocks')
  const { blocks } = body as { blocks: { type: string; source: string }[] }
  expect(blocks.find(({ type }) => type === 'custom.slug')).toMatchObject({ source: 'custom', pure: true })
  expect(blocks.find(({ type }) => type === 'http')).toMatchObject({ source: 'built-in', takes_secrets: true })
  const one = { status: 200, body: { type: 'javascript', version: 1, examples: [{ title: 'Example' }, {}] } }
  for (const path of ['blocks/javascript', 'blocks/javascript/1', 'registry/blocks/javascript/1']) {
    expect(await call('GET', `/api/v1/${path}`)).toMatchObject(one)
  }
  expect(await call('GET', '/api/v1/registry/blocks')).toEqual({ status: 200, body })
  expect(await call('GET', '/api/v1/blocks/javascripd')).toMatchObject({
    status: 404,
    body: { error: { code: 'not_found', message: expect.stringContaining('javascript') } },
  })
  expect(await call('GET', '/api/v1/blocks/http/99')).toMatchObject({ status: 404 })
})

test('beamline blocks list and show', async () => {
  const list = await cli('blocks', 'list')
  expect(list).toMatchObject({ code: 0, err: '' })
  expect(list.out).toMatch(/^custom\.slug +cpu +Makes a name/m)
  const show = await cli('blocks', 'show', 'custom.slug')
  expect(show.out).toMatch(/text {2}string, required {2}What the name is made of\./)
  expect(show.out).toContain('NOTHING_LEFT (permanent)')
  expect(show.out).toContain('{"type":"custom.slug","with":{"text":"Crème brûlée, twice"}}')
  expect(JSON.parse((await cli('--json', 'blocks', 'show', 'transform')).out)).toMatchObject({ type: 'transform' })
  expect(await cli('blocks', 'show', 'nope')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('nope') })
})
