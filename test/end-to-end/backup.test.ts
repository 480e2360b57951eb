/** A real process under load, backed up, killed, restored from the backup and started again: what was accepted before the cut is there, once. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BeamlineProcess } from '../../load/process/beamline-process.ts'
import { freePort } from '../../load/process/free-ports.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'wiring', 'command.ts')
const FLOW =
  'flow: pair\nsteps:\n  - { id: one, type: sleep, with: { ms: 20 } }\n  - { id: two, type: echo, after: [one], with: "${input.n}" }\n'
const BATCH = 50

let root: string
let running: BeamlineProcess | null
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'beamline-backup-'))
  running = null
})
afterEach(async () => {
  await running?.kill()
  rmSync(root, { recursive: true, force: true })
})

async function start(folder: string): Promise<BeamlineProcess> {
  running = await BeamlineProcess.start({ dataFolder: folder, port: await freePort(), readyWithinMs: 120_000 })
  return running
}

async function beamline(
  ...args: string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, NODE_NO_WARNINGS: '1' } })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  const [code] = (await once(child, 'close')) as [number]
  return { code, out, err }
}

/** Submits batches until it is told to stop; the ids of the runs that were acknowledged, with how many had been when each batch was sent. */
function load(url: string) {
  const acknowledged: string[] = []
  let going = true
  const done = (async () => {
    for (let n = 0; going; n += BATCH) {
      const lines = Array.from({ length: BATCH }, (_, i) => JSON.stringify({ flow: 'pair', input: { n: n + i } }))
      const headers = { 'content-type': 'application/x-ndjson' }
      const answer = await fetch(`${url}/api/v1/runs/batch`, { method: 'POST', headers, body: lines.join('\n') })
      for (const line of (await answer.text()).trim().split('\n'))
        acknowledged.push((JSON.parse(line) as { run_id: string }).run_id)
    }
  })()
  return {
    acknowledged,
    async stop() {
      going = false
      await done
    },
  }
}

async function count(url: string): Promise<{ readonly [status: string]: number }> {
  const answer = await fetch(`${url}/api/v1/runs/counts?flow=pair`)
  return ((await answer.json()) as { counts: { [status: string]: number } }).counts
}

interface Topics {
  readonly partitions: readonly {
    readonly topic: string
    readonly partition: number
    readonly next_offset: number
    readonly lag: number
  }[]
}

/** Everything submitted has been accepted, and what has been told of it since knows of no run that has not ended. */
async function isAtRest(url: string): Promise<boolean> {
  const { partitions } = (await (await fetch(`${url}/api/v1/topics`)).json()) as Topics
  const answer = await fetch(`${url}/api/v1/runs/counts`)
  const { counts, as_of } = (await answer.json()) as {
    counts: { accepted: number; running: number }
    as_of: { positions: string[] }
  }
  const ends = partitions.filter(({ topic }) => topic === 'events')
  return (
    partitions.every(({ topic, lag }) => topic !== 'ingest' || lag === 0) &&
    ends.every(({ partition, next_offset: end }) => Number(as_of.positions[partition]!.split('/')[2]) >= end) &&
    counts.accepted + counts.running === 0
  )
}

it('nothing that was acknowledged before the backup began is lost, and nothing is there twice', async () => {
  const first = await start(join(root, 'data'))
  const yaml = { 'content-type': 'application/yaml' }
  expect((await fetch(`${first.url}/api/v1/flows`, { method: 'POST', headers: yaml, body: FLOW })).status).toBe(201)
  const loading = load(first.url)
  await expect.poll(() => loading.acknowledged.length).toBeGreaterThan(500)
  const before = [...loading.acknowledged]
  const backup = await beamline('backup', join(root, 'backup'), '--data', join(root, 'data'), '--json')
  expect({ code: backup.code, err: backup.err }).toEqual({ code: 0, err: '' })
  await loading.stop()
  await first.kill()

  const restored = join(root, 'restored')
  expect(await beamline('restore', join(root, 'backup'), '--data', restored)).toMatchObject({ code: 0, err: '' })
  // steps were under way at the cut, so not everything has ended; but nothing is lost or doubled
  const atCut = JSON.parse((await beamline('verify', '--data', restored, '--json')).out) as Report
  expect(atCut).toMatchObject({ ok: true, lost: 0, doubled: 0, illegalTransitions: 0 })
  expect(atCut.accepted + atCut.unprocessed).toBeGreaterThanOrEqual(before.length)

  const second = await start(restored)
  for (const id of [before[0]!, before.at(-1)!, ...before.filter((_, index) => index % 50 === 0)]) {
    // what was acknowledged, and not accepted at the cut, is accepted now
    const run = async () => (await (await fetch(`${second.url}/api/v1/runs/${id}`)).json()) as { run_id?: string }
    await expect.poll(async () => (await run()).run_id, { message: id }).toBe(id)
  }
  await expect.poll(() => isAtRest(second.url), { timeout: 120_000 }).toBe(true)
  expect(await second.stop()).toBe(0)
  const settled = JSON.parse((await beamline('verify', '--data', restored, '--settled', '--json')).out) as Report
  expect(settled).toMatchObject({ ok: true, lost: 0, doubled: 0, open: 0, unprocessed: 0 })
  expect(settled.ended.completed).toBeGreaterThanOrEqual(before.length)
  const third = await start(restored)
  expect(await count(third.url)).toMatchObject({ accepted: 0, running: 0, completed: settled.ended.completed })

  // the manifest tells where the cut is
  const { cut } = JSON.parse(readFileSync(join(root, 'backup', 'backup.json'), 'utf8')) as {
    cut: Record<string, number>
  }
  expect(Object.keys(cut).some((partition) => partition.startsWith('events/'))).toBe(true)
})

interface Report {
  readonly ended: { readonly completed: number }
  readonly accepted: number
  readonly unprocessed: number
}

it('a running process is profiled from outside, and its socket ends with it', async () => {
  const folder = join(root, 'data')
  const started = await start(folder)
  const file = join(root, 'p.cpuprofile')
  const ran = await beamline('doctor', '--data', folder, '--profile', '2s', '--out', file, '--json')
  expect(ran.code, ran.err).toBe(0)
  const { samples } = JSON.parse(readFileSync(file, 'utf8')) as { samples: number[] }
  expect(samples.length).toBeGreaterThan(10)
  expect(JSON.parse(ran.out)).toMatchObject({ heap: { pid: started.child.pid } })
  expect(await started.stop()).toBe(0)
  const none = await beamline('doctor', '--data', folder, '--profile', '2s')
  expect(none).toMatchObject({ code: 1, err: expect.stringMatching(/no process that runs on .* answers/) })
})
