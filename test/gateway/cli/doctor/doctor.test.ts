import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CliDependencies, FolderState } from '../../../../gateway/cli/dependencies.ts'
import { checkFolder } from '../../../../gateway/cli/doctor/log-checks.ts'
import { checkNode } from '../../../../gateway/cli/doctor/machine.ts'
import { topFunctions } from '../../../../gateway/cli/doctor/profile.ts'
import { type Ran, runBeamline } from '../support.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'beamline-doctor-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const doctor = (args: readonly string[], overrides: Partial<CliDependencies> = {}): Promise<Ran> =>
  runBeamline(['doctor', '--data', folder, '--port', '0', ...args], overrides)

/** A server on a free port that answers `/readyz` so. */
async function listening(body: string): Promise<{ readonly port: number; close(): void }> {
  const server = createServer((_request, response) => void response.end(body))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() }
}

describe('beamline doctor', () => {
  it('says ok line by line where all is well, and leaves nothing behind', async () => {
    const { code, out } = await doctor([])
    expect(code, out).toBe(0)
    expect(out.split('\n').map((line) => line.split(/ {2,}/)[1])).toEqual(
      expect.arrayContaining(['node', 'configuration', 'disk', 'fsync', 'port', 'log']),
    )
    expect(out).toMatch(/\nBeamline can run here\.\n$/)
    expect(out).toContain(' 2 settings are set, the others')
    expect((await runBeamline(['doctor', '--data', folder])).out).toContain(' 1 setting is set, the others')
    expect(readdirSync(folder)).toEqual([])
  })

  it('goes on after the first thing that is wrong, says what to do, and ends with 1', async () => {
    const other = await listening('not Beamline')
    const { code, out } = await doctor(['--port', String(other.port)], {
      inspectFolder: () => ({ kind: 'damaged', reason: 'log.db cannot be read' }),
    })
    other.close()
    expect(code).toBe(1)
    expect(out).toMatch(/fail {2}port .*is in use by another program\n +Stop that program/)
    expect(out).toMatch(/fail {2}log .*log\.db cannot be read\n +Restore a backup/)
    expect(out).toMatch(/Beamline cannot run here: 2 to be mended\.\n$/)
  })

  it.each([
    ['{"status":"ready","reason":null}', /ok {4}port .*Beamline is ready on/],
    [
      '{"status":"not_ready","reason":"the log is being opened"}',
      /warn {2}port .*is not ready: the log is being opened/,
    ],
  ])('knows Beamline on its port when it answers %s', async (answer, line) => {
    const server = await listening(answer)
    const ran = await doctor(['--port', String(server.port)])
    server.close()
    expect(ran.code).toBe(0)
    expect(ran.out).toMatch(line)
  })

  it.each([
    [['--set', 'prot=1'], {}, /fail {2}configuration .*unknown setting 'prot'/],
    [
      [],
      { checkSettings: () => expect.unreachable('secrets.key: BEAMLINE_KEY is not set') },
      /fail {2}configuration .*BEAMLINE_KEY is not set/,
    ],
  ])('names what is wrong with the configuration: %j', async (args, overrides, line) => {
    const { code, out } = await doctor(args, overrides)
    expect(code).toBe(1)
    expect(out).toMatch(line)
  })

  const plan = { deployment: null, steps: [], applied: false, ready: false }
  it.each<[string, CliDependencies['manageTopics'], number, RegExp]>([
    ['answers', async () => plan, 0, /ok {4}kafka .*no deployment yet, topics as they should be/],
    [
      'cannot be reached',
      async () => Promise.reject(new Error('no broker answers')),
      1,
      /fail {2}kafka .*no broker answers\n +Check kafka\.brokers/,
    ],
    [
      'has other topics',
      async () => ({ ...plan, steps: [{ kind: 'refuse', topic: 'x', text: 'refused: 3 partitions' }] }),
      1,
      /fail {2}kafka .*refused: 3 partitions\n +See docs\/kafka\.md/,
    ],
  ])('asks a cluster that %s', async (_name, manageTopics, code, line) => {
    const ran = await doctor(['--log', 'kafka', '--brokers', 'localhost:9'], { manageTopics })
    expect(ran.code, ran.out).toBe(code)
    expect(ran.out).toMatch(line)
  })

  it('--json has every check, --quiet the names of what is not well', async () => {
    const { ok, checks } = JSON.parse((await doctor(['--json'])).out) as { ok: boolean; checks: { name: string }[] }
    expect(ok).toBe(true)
    expect(checks.map(({ name }) => name)).toEqual(['node', 'configuration', 'disk', 'fsync', 'port', 'log'])
    const damaged = { inspectFolder: (): FolderState => ({ kind: 'damaged', reason: 'x' }) }
    expect(await doctor(['--quiet'], damaged)).toMatchObject({ code: 1, out: expect.stringMatching(/fail log\n$/) })
  })
})

const LOG = {
  kind: 'log',
  version: 1,
  knownVersion: 1,
  partitions: 4,
  bytes: 1 << 20,
  closed: true,
  owner: null,
} as const
it.each<[string, FolderState, string, RegExp]>([
  ['nothing', { kind: 'none' }, 'ok', /no log in d yet; the first start makes one of 4/],
  ['a log', LOG, 'ok', /format 1, 4 partitions, 1\.0 MiB in d, closed in order/],
  ['one in use', { ...LOG, closed: false, owner: '77' }, 'ok', /in use by process 77/],
  ['one not closed', { ...LOG, closed: false }, 'ok', /not closed in order: the next start checks it/],
  ['a newer one', { ...LOG, version: 2 }, 'fail', /knows formats up to 1/],
  ['an older one', { ...LOG, knownVersion: 2 }, 'warn', /this Beamline writes 2/],
  ['another number of partitions', { ...LOG, partitions: 8 }, 'fail', /the configuration says 4/],
])('of a folder with %s', (_name, state, status, found) => {
  const check = checkFolder('d', state, { partitions: 4 })
  expect(check).toMatchObject({ status, found: expect.stringMatching(found) })
  expect(check.next === null).toBe(status === 'ok')
})

it('an old Node is told', () => {
  expect(checkNode('v20.1.0')).toMatchObject({ status: 'fail', found: 'v20.1.0; expected 24 or newer' })
  expect(checkNode('v24.0.0').status).toBe('ok')
})

describe('beamline doctor --profile', () => {
  const frame = (functionName: string) => ({ functionName, url: 'file:///a/b/c.ts', lineNumber: 6 })
  const found = {
    heap: { pid: 7, memory: { rss: 3 << 20, heapUsed: 2 << 20, external: 1 << 20 }, limit_bytes: 4 << 20 },
    profile: {
      nodes: [
        { id: 1, callFrame: frame('hot') },
        { id: 2, callFrame: { functionName: '', url: '', lineNumber: -1 } },
      ],
      samples: [1, 2, 1],
      timeDeltas: [1_000, 500, 2_000],
    },
  }

  it('writes what Chrome reads, a summary of the heap, and shows where the time went', async () => {
    const asked: unknown[] = []
    const profile: CliDependencies['profile'] = async (request) => {
      asked.push(request)
      return found
    }
    const file = join(folder, 'slow.cpuprofile')
    const { code, out } = await doctor(['--profile', '2s', '--pid', '7', '--out', file], { profile })
    expect(code).toBe(0)
    expect(asked).toEqual([{ dataFolder: folder, pid: 7, ms: 2_000 }])
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(found.profile)
    expect(JSON.parse(readFileSync(join(folder, 'slow.heap.json'), 'utf8'))).toEqual(found.heap)
    expect(out).toMatch(/process 7: heap 2\.0 MiB of 4\.0 MiB.*\n3 ms {4}hot b\/c\.ts:7\n0\.5 ms {2}\(anonymous\)\n/)
    expect(topFunctions(found.profile)[0]).toEqual({ name: 'hot b/c.ts:7', ms: 3 })
  })

  it.each([
    [['--profile', 'long'], 2, /--profile is 'long'; expected a length of time/],
    [['--profile', '11m'], 2, /up to 10m/],
    [['--profile', '1s', '--pid', 'x'], 2, /--pid is 'x'/],
  ])('%j ends with %i', async (args, code, message) => {
    expect(await doctor(args)).toMatchObject({ code, err: expect.stringMatching(message) })
    expect(existsSync('beamline-x.cpuprofile')).toBe(false)
  })

  it('says so when no process answers', async () => {
    const profile = async (): Promise<never> => Promise.reject(new Error('no process that runs on d answers'))
    writeFileSync(join(folder, 'x'), '')
    const ran = await doctor(['--profile', '1s'], { profile })
    expect(ran).toMatchObject({
      code: 1,
      err: expect.stringMatching(/no process that runs on d answers\nSay which data folder/),
    })
  })
})
