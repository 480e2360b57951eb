/** The examples of the help, run as they are written. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { EXAMPLES } from '../../../gateway/cli/examples.ts'
import { dryRunner } from '../../../wiring/dry-run.ts'
import { openWorld, type World } from '../support.ts'
import { type Ran, runBeamline } from './support.ts'

const FLOWS = {
  hello: 'flow: hello\nsteps:\n  - { id: greet, type: echo, with: "hello ${input.name}" }\n',
  fragile: 'flow: fragile\nsteps:\n  - { id: break, type: fail, with: { code: OUT_OF_STOCK } }\n',
  slow: 'flow: slow\nsteps:\n  - { id: nap, type: wait, with: { for: 1h } }\n',
}
const CASES = 'flow: hello.yaml\ncases:\n  - { input: { name: Ada }, expect: { output: hello Ada } }\n'
/** They need a process, a data folder or a cluster of their own, and are run elsewhere. */
const ELSEWHERE = [
  'start',
  'verify',
  'demo',
  'bench',
  'simulate',
  'backup',
  'restore',
  'doctor',
  'topics plan',
  'topics apply',
  // needs the blocks of a process
  'blocks show',
]

let world: World
let url: string
let variables: Record<string, string>
const folder = mkdtempSync(join(tmpdir(), 'beamline-examples-'))
const before = process.cwd()
const dry = dryRunner(null, new AbortController().signal)

const beamline = (args: readonly string[]): Promise<Ran> =>
  runBeamline(args, { variables: { BEAMLINE_URL: url }, dryRun: dry.run })

beforeAll(async () => {
  world = await openWorld()
  url = await world.gateway.listen('127.0.0.1', 0)
  mkdirSync(folder, { recursive: true })
  process.chdir(folder)
  for (const [name, text] of Object.entries(FLOWS)) writeFileSync(`${name}.yaml`, text)
  writeFileSync('hello.test.yaml', CASES)
  writeFileSync('orders.jsonl', '{"flow":"hello","input":{"name":"Bob"}}\n')
  await world.publish(FLOWS.fragile)
  await world.publish(FLOWS.slow)
  await world.publish('flow: hello\nsteps:\n  - { id: greet, type: echo, with: hello }\n')
  await world.publish(FLOWS.hello)
  const idOf = async (args: readonly string[]): Promise<string> => {
    return (await beamline(['run', 'submit', ...args, '--quiet'])).out.trim()
  }
  const done = await idOf(['hello', '--input', '{"name":"Ada"}', '--wait', '20s'])
  const failed = await idOf(['fragile', '--wait', '20s'])
  const another = await idOf(['fragile', '--wait', '20s'])
  const shown = JSON.parse((await beamline(['run', 'show', another, '--json'])).out) as { letter_id: string }
  variables = {
    RUN_ID: done,
    BLOB: (await beamline(['blob', 'put', 'hello.yaml', '-q'])).out.trim(),
    FAILED_RUN_ID: failed,
    RUNNING_RUN_ID: await idOf(['slow']),
    LETTER_ID: shown.letter_id,
    OPERATION_ID: (await beamline(['op', 'start', 'rerun', '--flow', 'hello', '--all', '--wait', '-q'])).out.trim(),
  }
})
afterAll(async () => {
  process.chdir(before)
  await dry.close()
  await world.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Words as a shell would make them of the line. */
function wordsOf(line: string): string[] {
  const words = line.match(/'[^']*'|"[^"]*"|\S+/g) ?? []
  return words.map((word) =>
    word.replace(/^['"]|['"]$/g, '').replace(/\$([A-Z_]+)/g, (_all, name: string) => variables[name]!),
  )
}

const lines = Object.entries(EXAMPLES)
  .filter(([command]) => !ELSEWHERE.includes(command))
  .flatMap(([, examples]) => examples)
  .filter((line) => line.startsWith('beamline '))

it.each(lines)('%s', async (line) => {
  const { code, out, err } = await beamline(wordsOf(line).slice(1))
  expect({ code, err }, out).toEqual({ code: 0, err: '' })
  expect(out).not.toBe('')
})

it.each([
  'run list',
  'flow list',
  'dlq list',
  'dlq groups',
  'topic list',
  'tenant list',
  'worker list',
  'op list',
  'blocks list',
])('%s prints one line of JSON with --json, and names alone with --quiet', async (command) => {
  const { out } = await beamline([...command.split(' '), '--json'])
  expect(out.split('\n')).toHaveLength(2)
  expect(JSON.parse(out)).toBeTypeOf('object')
  const quiet = await beamline([...command.split(' '), '--quiet'])
  for (const name of quiet.out.trim().split('\n')) expect(name).toMatch(/^\S*$/)
})

it.each([
  [['dlq', 'replay'], 2, /no letters are named.*\nWith --all/],
  [['dlq', 'discard', 'nope'], 2, /--reason/],
  [['dlq', 'replay', 'nope', '--patch', '{'], 2, /the patch is not JSON/],
  [['dlq', 'show', 'nope'], 1, /nope/],
  [['tenant', 'set', 'acme'], 2, /nothing is to be changed; expected one of --max-concurrency/],
  [
    ['tenant', 'set', 'acme', '--rate', 'fast'],
    2,
    /--rate is 'fast'; expected a number of 0 or more, such as 20, or none/,
  ],
  [['topic', 'tail', 'ingest', '--from', 'tomorrow', '--no-follow'], 1, /'from' is "tomorrow"; expected first, end/],
  [['run', 'show', '123'], 1, /is no run id.*\n.*beamline run list/],
  [['run', 'list', '--since', 'yesterday'], 2, /--since is 'yesterday'; expected a time such as/],
  [['run', 'rerun', '4b1d9f0e-5c1a-8f00-9b1a-0123456789ab', '--flow-version', '0'], 2, /expected a number from 1/],
  [['run', 'retry', '4b1d9f0e-5c1a-8f00-9b1a-0123456789ab'], 1, /is not known.*\nList what there is/s],
  [['flow', 'show', 'nope'], 1, /nope.*\nPublish it/s],
  [['flow', 'diff', 'hello', '--from', 'x'], 2, /--from is 'x'/],
])('%j ends with %i', async (args, code, message) => {
  expect(await beamline(args)).toMatchObject({ code, out: '', err: expect.stringMatching(message) })
})

it('a flow of one version has nothing to compare', async () => {
  const { out, code } = await beamline(['flow', 'diff', 'slow'])
  expect({ out, code }).toEqual({
    out: 'slow has version 1 alone so far; there is nothing to compare it with\n',
    code: 0,
  })
})
