/**
 * Blocks of the io pool with 64 in flight: `http` beside bare undici in alternating rounds, against the same server in a process of its own; files and SQL; each called as an executor
 * calls it, and as the one step of runs of a whole engine, whose latency counts from the submission to the durable end.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Agent, request } from 'undici'
import { realEnvironment as environment } from '../../connectors/environment.ts'
import { builtInBlocks } from '../../processors/execute/blocks/registry.ts'
import type { BlockSettings } from '../../processors/execute/blocks/settings.ts'
import { DEFAULT_TENANT } from '../../schemas/ids.ts'
import { type Json, toJsonText } from '../../schemas/json.ts'
import { closedLoop, type LoadResult } from '../measure/driver.ts'
import { median, round } from '../measure/statistics.ts'
import { startPostgres } from '../postgres/cluster.ts'
import { findPostgres } from '../postgres/find-postgres.ts'
import { contextOf } from './block-context.ts'
import { progress } from './child.ts'
import { BenchEngine } from './engine.ts'

const IN_FLIGHT = 64

interface Case {
  readonly name: string
  readonly type: string
  /** What a run of a flow with this one step takes at the 99th percentile at most, milliseconds. */
  readonly budgetMs: number
  input(index: number): { readonly [field: string]: Json }
  /** Called once before it is measured. */
  readonly first?: { readonly [field: string]: Json }
}

const FILES = 512
const CONTENT = 'x'.repeat(1_024)

function casesOf(url: string, postgres: string | null): readonly Case[] {
  const rows = { args: [3], query: 'select g as id, g * 2 as twice from generate_series(1, $1::int) g' }
  const made = 'create table if not exists items (id integer primary key, name text)'
  const put = 'insert into items (id, name) values (?, ?) on conflict (id) do update set name = excluded.name'
  const file = (index: number): string => `bench/${index % FILES}.txt`
  const cases: readonly Case[] = [
    { name: 'http', type: 'http', budgetMs: 500, input: (index) => ({ url: `${url}/${index}` }) },
    { name: 'put a file', type: 'fs.put', budgetMs: 200, input: (n) => ({ path: file(n), content: CONTENT }) },
    { name: 'get a file', type: 'fs.get', budgetMs: 200, input: (n) => ({ path: file(n) }) },
    {
      name: 'SQLite, write',
      type: 'sql',
      budgetMs: 300,
      first: { connection: 'sqlite:bench.db', query: made, write: true },
      input: (n) => ({ connection: 'sqlite:bench.db', query: put, args: [n % FILES, 'item'], write: true }),
    },
    {
      name: 'SQLite, read',
      type: 'sql',
      budgetMs: 300,
      input: (n) => ({ connection: 'sqlite:bench.db', query: 'select * from items where id = ?', args: [n % FILES] }),
    },
  ]
  if (postgres === null) return cases
  const sql = (more: { readonly [field: string]: Json }) => ({ connection: postgres, ...more })
  return [
    ...cases,
    { name: 'Postgres, read', type: 'sql', budgetMs: 300, input: () => sql(rows) },
    {
      name: 'Postgres, write',
      type: 'sql',
      budgetMs: 300,
      first: sql({ query: made, write: true }),
      input: (n) => sql({ query: put.replace('?, ?', '$1, $2'), args: [n % FILES, 'item'], write: true }),
    },
  ]
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  const calls = values.quick ? 1_000 : 5_000
  const server = spawn(process.execPath, [new URL('local-server.ts', import.meta.url).pathname], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const folder = mkdtempSync(join(tmpdir(), 'beamline-io-'))
  mkdirSync(join(folder, DEFAULT_TENANT))
  const postgres = (await findPostgres()) === null ? null : await startPostgres({ durable: true })
  if (postgres === null) progress('  no PostgreSQL on this machine: left out')
  try {
    const [port] = (await once(server.stdout, 'data')) as [Buffer]
    const url = `http://127.0.0.1:${port.toString().trim()}`
    const settings: BlockSettings = { egress: { allow: ['127.0.0.0/8'] }, files: { folder } }
    const cases = casesOf(url, postgres?.url ?? null)
    const beside = await besideUndici(settings, url, calls, rounds)
    const blocks = await asBlocks(settings, cases, calls)
    const steps = await asSteps(settings, cases, calls)
    console.log(JSON.stringify({ in_flight: IN_FLIGHT, http: beside, blocks, steps }))
  } finally {
    server.kill()
    await postgres?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function besideUndici(settings: BlockSettings, url: string, calls: number, rounds: number): Promise<Json> {
  const set = builtInBlocks(environment, settings)
  const block = set.blocks.find(({ type }) => type === 'http')!
  const agent = new Agent()
  const bare = async (index: number): Promise<void> => {
    const { body } = await request(`${url}/${index}`, { dispatcher: agent })
    await body.json()
  }
  const ours = async (index: number): Promise<unknown> => block.run(contextOf(index), { url: `${url}/${index}` })
  const sides = { http: [] as LoadResult[], undici: [] as LoadResult[] }
  for (let round = -1; round < rounds; round++) {
    const each = { undici: await closedLoop(bare, calls, IN_FLIGHT), http: await closedLoop(ours, calls, IN_FLIGHT) }
    // the first round of each is warm-up
    if (round < 0) continue
    sides.undici.push(each.undici)
    sides.http.push(each.http)
  }
  await set.close()
  await agent.close()
  const rate = (results: readonly LoadResult[]): number => round(median(results.map((one) => one.runs_per_s)))
  const ratio = round(rate(sides.http) / rate(sides.undici))
  progress(`  http: ${rate(sides.http)} calls/s, bare undici ${rate(sides.undici)}: ${ratio} of it`)
  return { per_s: rate(sides.http), undici_per_s: rate(sides.undici), ratio }
}

async function asBlocks(settings: BlockSettings, cases: readonly Case[], calls: number): Promise<Json> {
  const set = builtInBlocks(environment, settings)
  const results: { [name: string]: Json } = {}
  for (const { name, type, input, first } of cases) {
    const block = set.blocks.find((known) => known.type === type)!
    if (first !== undefined) await block.run(contextOf(0), first)
    const one = async (index: number): Promise<unknown> => block.run(contextOf(index), input(index))
    await closedLoop(one, calls / 5, IN_FLIGHT)
    results[name] = shown(`${name}, called`, 'calls', await closedLoop(one, calls, IN_FLIGHT))
  }
  await set.close()
  return results
}

async function asSteps(settings: BlockSettings, cases: readonly Case[], calls: number): Promise<Json> {
  const engine = await BenchEngine.start(undefined, settings)
  const results: { [name: string]: Json } = {}
  try {
    for (const [at, { name, type, input, budgetMs }] of cases.entries()) {
      const flow = `bench-io-${at}`
      const fields = Object.keys(input(0)).map((field) => [field, `\${input.${field}}`])
      await engine.publish(flow, { flow, steps: [{ id: 'only', type, with: Object.fromEntries(fields) }] })
      const one = (index: number): Promise<unknown> => engine.run(flow, toJsonText(input(index)))
      await closedLoop(one, calls / 5, IN_FLIGHT)
      const result = await closedLoop(one, calls, IN_FLIGHT)
      const holds = result.runs_per_s >= 500 && result.latency.p99 < budgetMs
      results[name] = { ...shown(`${name}, as a step`, 'steps', result), budget_ms: budgetMs, holds }
    }
  } finally {
    await engine.close()
  }
  return results
}

function shown(what: string, unit: string, { runs_per_s: rate, latency }: LoadResult) {
  progress(`  ${what}: ${rate} ${unit}/s, p50 ${latency.p50}, p99 ${latency.p99} ms`)
  return { per_s: rate, p50_ms: latency.p50, p99_ms: latency.p99 }
}

await main()
