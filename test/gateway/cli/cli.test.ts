import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { CliDependencies } from '../../../gateway/cli/dependencies.ts'
import type { LoadedConfig } from '../../../gateway/config/load-config.ts'
import { sleepBlock } from '../../../processors/execute/blocks/io/sleep.ts'
import { stepTypes } from '../../../processors/execute/blocks/step-types.ts'
import type { VerifyReport } from '../../../topology/verify/report.ts'
import { openWorld, type World } from '../support.ts'
import { type Ran, runBeamline } from './support.ts'

const FLOW = 'flow: greet\nsteps:\n  - id: hello\n    type: echo\n    with: hi\n'
const REPORT: VerifyReport = {
  ok: true,
  complete: true,
  notes: [],
  records: 12,
  runs: 2,
  accepted: 2,
  rejected: 0,
  ended: { completed: 2, failed: 0, cancelled: 0, timed_out: 0 },
  open: 0,
  lost: 0,
  doubled: 0,
  illegalTransitions: 0,
  attempts: 2,
  letters: { stored: 0, replayed: 0, discarded: 0 },
  unprocessed: 0,
  effects: { lines: 0, keys: 0, repeated: 0, unknown: 0 },
  client: { lines: 0, acknowledged: 0, missing: 0 },
  violationCounts: {},
  violations: [],
}

let world: World
let url: string
const folder = mkdtempSync(join(tmpdir(), 'beamline-cli-'))
beforeAll(async () => {
  world = await openWorld()
  url = await world.gateway.listen('127.0.0.1', 0)
  writeFileSync(join(folder, 'greet.yaml'), FLOW)
  writeFileSync(join(folder, 'bad.yaml'), 'flow: bad\nsteps:\n  - id: a\n    type: ecko\n')
})
afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true, force: true })
})

const beamline = (args: readonly string[], overrides: Partial<CliDependencies> = {}): Promise<Ran> =>
  runBeamline(args, {
    variables: { BEAMLINE_URL: url },
    startNode: async () => 0,
    manageTopics: async () => ({ deployment: null, steps: [], applied: false, ready: true }),
    verify: async () => REPORT,
    runScript: async () => null,
    ...overrides,
  })

const path = (name: string) => join(folder, name)

describe('beamline', () => {
  it('publishes a flow, submits a run, shows and lists it', async () => {
    expect(await beamline(['flow', 'publish', path('greet.yaml')])).toEqual({
      code: 0,
      out: 'published greet version 1\n',
      err: '',
    })
    expect((await beamline(['flow', 'publish', path('greet.yaml')])).out).toMatch('is this document already')
    expect((await beamline(['flow', 'list'])).out).toBe('greet version 1\n')
    const submitted = await beamline(['run', 'submit', 'greet', '--input', '{"n":1}', '--wait', '20s', '--json'])
    expect(submitted.code).toBe(0)
    const run = JSON.parse(submitted.out) as { run_id: string; output: unknown }
    const shown = await beamline(['run', 'show', run.run_id])
    expect(shown.out).toMatch(new RegExp(`^${run.run_id} {2}greet v1 {2}completed in \\d+ ms\n {2}hello {2}completed`))
    expect((await beamline(['run', 'list', '--status', 'completed'])).out).toMatch(run.run_id)
    expect((await beamline(['run', 'list', '--flow', 'greet', '--status', 'completed'])).out).toMatch(run.run_id)
    expect((await beamline(['run', 'list', '--flow', 'other'])).out).toBe('no runs\n')
    expect(await beamline(['run', 'cancel', run.run_id])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/ended already/),
    })
  })

  it('says so when no letter is open that could be replayed or discarded', async () => {
    const replayed = await beamline(['dlq', 'replay', 'nope'])
    expect(replayed.code).toBe(1)
    expect(replayed.out).toMatch(/0 of 0 letters\nNo open letter fits\. `beamline dlq list`/)
    const discarded = await beamline(['dlq', 'discard', '--flow', 'none', '--reason', 'gone'])
    expect(discarded.out).toMatch(/^discarded 0 letters\nNo open letter fits\./)
  })

  it('checks a flow without a server, with places an editor can follow', async () => {
    const nowhere = { variables: { BEAMLINE_URL: 'http://127.0.0.1:3' } }
    expect(await beamline(['flow', 'check', path('greet.yaml')], nowhere)).toMatchObject({ code: 0 })
    const bad = await beamline(['flow', 'check', path('bad.yaml')], nowhere)
    expect(bad.code).toBe(1)
    expect(bad.err).toMatch(/bad\.yaml:4:11 steps\[0\]\.type: .*ecko.*echo/)
    expect(bad.err).toMatch('bad.yaml cannot be published: 1 problem\n')
    const published = await beamline(['flow', 'publish', path('bad.yaml')])
    expect(published).toEqual(bad)
  })

  it('checks what steps give their blocks, as far as this machine knows them', async () => {
    writeFileSync(path('slip.yaml'), 'flow: slip\nsteps:\n  - { id: a, type: sleep, with: { mss: 5 } }\n')
    const blockTypes = async () => stepTypes([sleepBlock(realEnvironment)])
    const slip = await beamline(['flow', 'check', path('slip.yaml')], { blockTypes })
    expect(slip.code).toBe(1)
    expect(slip.err).toMatch("slip.yaml:3:35 steps[0].with.mss: unknown field 'mss'; did you mean 'ms'?\n")
    expect(await beamline(['flow', 'check', path('slip.yaml')])).toMatchObject({ code: 0 })
  })

  it('produces JSON lines from a file and from standard input, and tails them', async () => {
    const lines = Array.from({ length: 2500 }, (_, n) => JSON.stringify({ flow: 'greet', input: { n } }))
    writeFileSync(path('lines.jsonl'), lines.join('\n'))
    expect(await beamline(['topic', 'produce', 'ingest', '--file', path('lines.jsonl')])).toEqual({
      code: 0,
      out: 'appended 2500 records\n',
      err: '',
    })
    const stdin = Readable.from(['{"flow":"greet",', '"input":{"n":-1}}\n\n'])
    expect((await beamline(['topic', 'produce', 'ingest', '--json'], { stdin })).out).toBe(
      '{"appended":1,"refused":0}\n',
    )
    const tailed = await beamline(['topic', 'tail', 'ingest', '--from', 'first', '--no-follow'])
    const records = tailed.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { text?: string; topic: string })
    const texts = records.flatMap(({ text }) => text ?? [])
    expect(texts.toSorted()).toEqual([...lines, '{"flow":"greet","input":{"n":-1}}'].toSorted())
  })

  it('follows a topic until it has enough', async () => {
    const tailing = beamline(['topic', 'tail', 'control', '--from', '1', '--partition', '3', '--limit', '1'])
    await world.publish('flow: later\nsteps:\n  - id: hello\n    type: echo\n')
    const { code, out } = await tailing
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      topic: 'control',
      partition: 3,
      kind: 'FlowPublished',
      value: { flow: 'later' },
    })
  })

  it('submits a run of a version, with a priority, keys and metadata', async () => {
    await world.publish('flow: versions\nsteps:\n  - { id: a, type: echo, with: one }\n')
    await world.publish('flow: versions\nsteps:\n  - { id: a, type: echo, with: two }\n')
    const chosen = ['--flow-version', '1', '--priority', '7', '--sticky-key', 'till', '--metadata', 'shop:3,town:Ulm']
    const { code, out } = await beamline(['run', 'submit', 'versions', ...chosen, '--wait', '20s', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      priority: 7,
      sticky_key: 'till',
      metadata: { shop: '3', town: 'Ulm' },
    })
    const unknown = await beamline(['run', 'submit', 'versions', '--flow-version', '9'])
    expect(unknown).toMatchObject({ code: 1, err: expect.stringMatching(/version 9/) })
  })

  it('ends with 3 and says what to do when no server answers', async () => {
    const { code, err } = await beamline(['flow', 'list', '--url', 'http://127.0.0.1:3'])
    expect(code).toBe(3)
    expect(err).toMatch(
      /no server answers at http:\/\/127\.0\.0\.1:3 \(ECONNREFUSED\)\nStart one with `beamline start`/,
    )
  })

  it('ends with 4 when the server is busy', async () => {
    world.admission = { admit: false, status: 429, reason: 'too much', retryAfterS: 1 }
    expect(await beamline(['run', 'submit', 'greet'])).toMatchObject({
      code: 4,
      err: 'error: too much\nTry again later.\n',
    })
    world.admission = { admit: true }
  })

  it.each([
    [['flw'], /unknown command 'flw'.*flow/s],
    [['run', 'show'], /missing required argument 'run-id'/],
    [['flow', 'list', '--jsn'], /unknown option '--jsn'.*--json/s],
    [['flow', 'list', '--url', 'nonsense'], /'nonsense' is no address/],
    [['run', 'submit', 'greet', '--input', '@greet.json'], /the input is not JSON.*\n.*or --input-file FILE/],
    [['run', 'submit', 'greet', '--priority', 'high'], /--priority is 'high'; expected a number/],
    [['run', 'submit', 'greet', '--metadata', 'shop'], /--metadata has 'shop'; expected key:value/],
    [['run', 'submit', 'greet', '--version', '1'], /--version prints the version of beamline.*--flow-version/],
    [['--tenant', 'acme', 'flow', '-V'], /--version prints the version of beamline/],
    [['topic', 'produce', 'events'], /takes no records from outside/],
    [['topic', 'tail', 'events', '--from', '7'], /--from 7 needs --partition/],
    [['start', '--port', '99999'], /--port: port: found 99999; expected a whole number from 0 to 65535/],
    [['start', '--set', 'prot=1'], /--set: unknown setting 'prot'; did you mean 'port'/],
    [['start', '--set', 'port'], /--set port is no setting; expected NAME=VALUE/],
    [['start', '--roles', 'gateway'], /without tasks/],
    [['start', '--log', 'kafka'], /kafka\.brokers is not set/],
  ])('ends with 2 on %j', async (args, message) => {
    const { code, err, out } = await beamline(args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(message)
  })

  it.each([
    [['run', 'show', 'nonsense'], /"nonsense" is no run id/],
    [['run', 'submit', 'gret'], /'gret'.*did you mean 'greet'.*\nPublish it/],
    [['flow', 'publish', path('no-such-file')], /cannot read .*no such file/],
    [['flow', 'publish', folder], /cannot read .*it is a folder; expected a file/],
    [['topic', 'produce', 'ingest', '--file', path('none')], /cannot read .*no such file/],
    [['topic', 'tail', 'evnts'], /no topic 'evnts'; expected .*events/],
    [['bench'], /not part of the installed package\nClone/],
  ])('ends with 1 on %j', async (args, message) => {
    const { code, err } = await beamline(args)
    expect(code).toBe(1)
    expect(err).toMatch(message)
  })

  it('prints errors as JSON when asked to', async () => {
    const { code, err } = await beamline(['run', 'show', 'nonsense', '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(err)).toMatchObject({ ok: false, error: { message: expect.stringMatching(/no run id/) } })
  })

  it('starts a process with a file, variables and flags', async () => {
    const started: LoadedConfig[] = []
    const startNode: CliDependencies['startNode'] = async (loaded) => {
      started.push(loaded)
      return 7
    }
    writeFileSync(path('settings.yaml'), 'grace: 5s\ndata: there\nhost: 0.0.0.0\n')
    const variables = { BEAMLINE_DATA: 'where', BEAMLINE_HOST: '127.0.0.2' }
    const args = [
      'start',
      '--config',
      path('settings.yaml'),
      '--port',
      '0',
      '--data',
      'here',
      '--set',
      'log_level=warn',
    ]
    expect((await beamline(args, { startNode, variables })).code).toBe(7)
    const { config, sources } = started[0]!
    expect(config).toMatchObject({ host: '127.0.0.2', port: 0, data: 'here', log_level: 'warn', grace: 5_000 })
    expect([sources.port, sources.data, sources.host, sources.grace]).toEqual([
      '--port',
      '--data',
      'BEAMLINE_HOST',
      `${path('settings.yaml')}:1`,
    ])
  })

  it('shows the configuration with where it came from', async () => {
    const variables = { BEAMLINE_PORT: '9000', BEAMLINE_KAFKA_SASL_PASSWORD: 'hunter2' }
    const shown = await beamline(['config', 'show', '--roles', 'tasks', '--json'], { variables })
    const { settings } = JSON.parse(shown.out) as { settings: readonly { name: string; source: string }[] }
    expect(settings.find(({ name }) => name === 'port')).toEqual({ name: 'port', value: 9000, source: 'BEAMLINE_PORT' })
    expect(shown.out + shown.err).not.toContain('hunter2')
    // what is wrong is said after what there is
    expect(shown).toMatchObject({ code: 2, err: expect.stringMatching(/kafka\.sasl\.mechanism is not/) })
  })

  it('ends with 1 when the check finds something', async () => {
    const asked: unknown[] = []
    const violation = { code: 'run_lost', where: 'run 1', message: 'no end' } as const
    const verify: CliDependencies['verify'] = async (config) => {
      asked.push(config)
      return { ...REPORT, ok: false, lost: 1, violationCounts: { run_lost: 1 }, violations: [violation] }
    }
    const args = ['verify', '--data', 'd', '--ledger', 'l', '--settled']
    const { code, out } = await beamline(args, { verify })
    expect(code).toBe(1)
    expect(out).toMatch(/lost 1.*run_lost at run 1: no end\nNOT OK/s)
    expect(asked).toEqual([{ dataFolder: 'd', ledgerFile: 'l', historyFile: null, settled: true }])
    expect(await beamline(['verify'])).toMatchObject({ code: 0, out: expect.stringMatching(/ok\n$/) })
  })

  it('shows help and version', async () => {
    expect(await beamline(['--version'])).toMatchObject({ code: 0, out: '1.2.3\n' })
    expect(await beamline(['-V', 'flow'])).toMatchObject({ code: 0, out: '1.2.3\n' })
    const { code, out } = await beamline(['--help'])
    expect(code).toBe(0)
    expect(out).toMatch(/Exit codes:\n {2}0 +done/)
  })
})
